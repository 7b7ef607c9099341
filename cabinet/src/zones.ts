/** The name of a time zone, and how its time is computed. */
import { MINUTE } from './when';

export interface Zone {
  /** Known to the browser. */
  timeZone: string;
  /** Milliseconds that are added to an instant first: not every browser computes with a fixed offset itself. */
  shift: number;
  place: string;
}

/** Intl names cities in Latin letters, in Chromium at least. */
const RUSSIAN = ` Kaliningrad Калининград Moscow Москва Simferopol Симферополь Kirov Киров Volgograd Волгоград Astrakhan Астрахань Saratov Саратов Ulyanovsk Ульяновск
Samara Самара Yekaterinburg Екатеринбург Omsk Омск Novosibirsk Новосибирск Barnaul Барнаул Tomsk Томск Novokuznetsk Новокузнецк Krasnoyarsk Красноярск
Irkutsk Иркутск Chita Чита Yakutsk Якутск Vladivostok Владивосток Magadan Магадан Sakhalin Сахалин Kamchatka Камчатка Anadyr Анадырь
Minsk Минск Kyiv Киев Kiev Киев Tbilisi Тбилиси Yerevan Ереван Baku Баку Almaty Алматы Tashkent Ташкент Bishkek Бишкек Dushanbe Душанбе`.split(/\s/); // nothing stands for what is not found

/** The zone of an account, or null where it is missing or unheard of. */
export function zoneOf(name: string | null | undefined, lang: string): Zone | null {
  if (!name) return null;
  const [, etc, sign, hours, minutes = '00'] = /^(Etc\/)?(?:UTC|GMT)?([+-])(\d\d?)(?::?(\d\d))?$/.exec(name) ?? [];
  if (hours) {
    const east = (sign === '+') !== !!etc; // Etc/GMT-3 is three hours ahead of UTC
    const offset = 60 * Number(hours) + Number(minutes);
    const read = Number(minutes) ? `${hours.padStart(2, '0')}:${minutes}` : Number(hours);
    return { timeZone: 'UTC', shift: (east ? offset : -offset) * MINUTE, place: offset ? `UTC${east ? '+' : '-'}${read}` : 'UTC' };
  }
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
  } catch {
    return null;
  }
  const place = name.split('/').pop()!.replaceAll('_', ' ');
  return { timeZone: name, shift: 0, place: lang === 'ru' && RUSSIAN[RUSSIAN.indexOf(place) + 1] || place };
}
