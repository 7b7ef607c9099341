/** Dates, numbers and plurals of one language, in one time zone. */
import type { What } from './answers';
import type { Forms, Texts } from './en';
import { TEXTS, fill } from './texts';
import { DAY, HOUR, MINUTE, SECOND } from './when';
import { zoneOf } from './zones';

const UNITS = ['week', 'day', 'hour', 'minute', 'second'] as const;

export class Speech {
  readonly text: Texts;
  readonly #place: string;
  readonly #shift: number;
  readonly #number: Intl.NumberFormat;
  readonly #plural: Intl.PluralRules;
  readonly #units: Map<string, Intl.NumberFormat>;
  readonly #formats: Record<'date' | 'day' | 'month' | 'minute' | 'second', Intl.DateTimeFormat>;

  constructor(readonly lang: keyof typeof TEXTS, readonly zone: string | null | undefined) {
    this.text = TEXTS[lang];
    const locale = lang === 'en' ? 'en-GB' : lang;
    const { timeZone, shift, place } = zoneOf(zone, lang) ?? zoneOf(Intl.DateTimeFormat().resolvedOptions().timeZone, lang)!;
    this.#place = place;
    this.#shift = shift;
    // Kept: to make one takes longer than all that it will ever format.
    const format = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat(locale, { timeZone, ...options });
    this.#formats = {
      date: format({ dateStyle: 'medium' }), day: format({ dateStyle: 'long' }), month: format({ month: 'long', day: 'numeric' }),
      minute: format({ timeStyle: 'short' }), second: format({ timeStyle: 'medium' }),
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

  #at(instant: string | number): Date { return new Date(new Date(instant).getTime() + this.#shift); }

  date(instant: string | number): string { return this.#formats.date.format(this.#at(instant)); }

  /** 29 ноября 2026 г., 13:00 (Москва); to the second where that matters. */
  moment(instant: string, exact = false): string {
    const { day, minute, second } = this.#formats, at = this.#at(instant);
    return `${day.format(at)}, ${(exact ? second : minute).format(at)} (${this.#place})`;
  }

  /** 09:00; of another day, 23 нояб. 2026 г., 09:00. */
  clock(instant: string, now: number): string {
    const day = this.date(instant), time = this.#formats.minute.format(this.#at(instant));
    return day === this.date(now) ? time : `${day}, ${time}`;
  }

  /** 29 ноября, 17:23; with the year where it is far. */
  soon(instant: string | number, now: number): string {
    const at = this.#at(instant), { month, day, minute } = this.#formats;
    return `${(Math.abs(at.getTime() - now) < 300 * DAY ? month : day).format(at)}, ${minute.format(at)}`;
  }

  /** How long there is left, in the two units that matter. */
  left(ms: number): string {
    const days = Math.floor(ms / DAY), hours = Math.floor(ms % DAY / HOUR);
    const minutes = Math.floor(ms % HOUR / MINUTE), seconds = Math.floor(ms % MINUTE / SECOND);
    const span = days ? this.span(0, days, hours) : hours || minutes > 4 ? this.span(0, 0, hours, minutes) : this.span(0, 0, 0, minutes, seconds);
    return fill(this.text.left, span || this.span(0, 0, 0, 0, 1));
  }

  /** Weeks, days, hours, minutes, seconds. */
  span(...counts: number[]): string {
    return UNITS.map((unit, i) => counts[i]! > 0 && this.#units.get(unit)?.format(counts[i]!)).filter(Boolean).join(' ');
  }
}
