/** Dates, numbers and plurals of one language, in one time zone. */
import type { Forms } from './en';
import { TEXTS, type Texts, type What, city, fill } from './texts';

export const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const UNITS = ['week', 'day', 'hour', 'minute', 'second'] as const;

/** A time zone that may be shown: the one asked for, or the browser's own where that is missing or unheard of. */
function known(zone?: string | null): string {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: zone ?? undefined }).resolvedOptions().timeZone;
  } catch {
    return known();
  }
}

export class Speech {
  readonly text: Texts;
  readonly #place: string;
  readonly #number: Intl.NumberFormat;
  readonly #plural: Intl.PluralRules;
  readonly #units: Map<string, Intl.NumberFormat>;
  readonly #formats: Record<'date' | 'day' | 'minute' | 'second' | 'soon', Intl.DateTimeFormat>;

  constructor(readonly lang: keyof typeof TEXTS, readonly zone: string | null | undefined) {
    this.text = TEXTS[lang];
    const locale = lang === 'en' ? 'en-GB' : lang;
    const timeZone = known(zone);
    this.#place = city(timeZone.split('/').pop()?.replaceAll('_', ' ') ?? '', this.text);
    // Kept: to make one takes longer than all that it will ever format.
    const format = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(locale, { timeZone, ...options });
    this.#formats = {
      date: format({ dateStyle: 'medium' }), day: format({ dateStyle: 'long' }),
      minute: format({ timeStyle: 'short' }), second: format({ timeStyle: 'medium' }),
      soon: format({ month: 'long', day: 'numeric', hour: '2-digit', minute: '2-digit' }),
    };
    this.#number = new Intl.NumberFormat(locale);
    this.#plural = new Intl.PluralRules(locale);
    this.#units = new Map(UNITS.map((unit) => [unit, new Intl.NumberFormat(locale, { style: 'unit', unit, unitDisplay: 'long' })]));
  }

  number(n: number | null): string { return n == null ? this.text.unlimited : this.#number.format(n); }

  /** 2 сеанса; Сеансы: без ограничений. */
  count(n: number | null, what: What): string {
    if (n == null) return `${this.text[what]}: ${this.text.unlimited}`;
    return `${this.number(n)}\u00a0${this.pick(this.text.forms[what], n)}`;
  }

  pick(forms: Forms, n: number): string { return forms[this.#plural.select(n)] ?? forms.other; }

  date(instant: string): string { return this.#formats.date.format(new Date(instant)); }

  /** 29 ноября 2026 г., 13:00 (Москва); to the second where that matters. */
  moment(instant: string, exact = false): string {
    const { day, minute, second } = this.#formats, at = new Date(instant);
    return `${day.format(at)}, ${(exact ? second : minute).format(at)} (${this.#place})`;
  }

  /** 09:00; of another day, 23 нояб. 2026 г., 09:00. */
  clock(instant: string, now: number): string {
    const day = this.date(instant), time = this.#formats.minute.format(new Date(instant));
    return day === this.#formats.date.format(now) ? time : `${day}, ${time}`;
  }

  /** 29 ноября в 17:23; with the year where it is far. */
  soon(instant: string, now: number): string {
    const at = new Date(instant);
    return Math.abs(at.getTime() - now) < 300 * DAY ? this.#formats.soon.format(at) : this.moment(instant);
  }

  /** An ISO 8601 duration in words; what is none stays as it is. */
  duration(iso: string): string {
    const [, ...found] = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(iso) ?? [];
    return this.#span(...found.map((n) => Number(n ?? 0))) || iso;
  }

  /** How long there is left, in the two units that matter. */
  left(ms: number): string {
    const days = Math.floor(ms / DAY), hours = Math.floor(ms % DAY / HOUR);
    const minutes = Math.floor(ms % HOUR / MINUTE), seconds = Math.floor(ms % MINUTE / SECOND);
    const span = days ? this.#span(0, days, hours) : hours || minutes > 4 ? this.#span(0, 0, hours, minutes) : this.#span(0, 0, 0, minutes, seconds);
    return fill(this.text.left, span || this.#span(0, 0, 0, 0, 1));
  }

  #span(...counts: number[]): string {
    return UNITS.map((unit, i) => counts[i]! > 0 && this.#units.get(unit)?.format(counts[i]!)).filter(Boolean).join(' ');
  }
}
