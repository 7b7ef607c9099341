/** The window: terms, an extension's parameters, who was faster. */
import { BOTH, type Extension, type Offer, type Row, type Terms, endOf, endedEarly, stateOf } from '../answers';
import { type Child, h } from '../dom';
import { ahead } from '../limits';
import { counter, idle, time, until } from '../parts';
import type { Scene, Sheet } from '../scene';
import type { Speech } from '../speech';
import { fill } from '../texts';
import { MINUTE } from '../when';
import { TEXTS } from './texts';

const JUST_NOW = 2 * MINUTE;

/** An extension just granted, to the one who asked: it is news that another owner was faster. */
export function announcement({ say, now, me, data }: Scene, { row }: Sheet, extension: Extension, name: string): string {
  const text = TEXTS[say.lang], { granted_by, granted_at, ends_at } = extension;
  const subscription = `\u2068${row.tariff.name}\u2069`;
  const moment = (iso: string) => time(say, iso, extension).textContent ?? '';
  const when = now - Date.parse(granted_at) < JUST_NOW ? text.justNow : moment(granted_at);
  const line = granted_by === me ? fill(text.granted, subscription, moment(ends_at)) : fill(text.byOther, name, when, subscription, moment(ends_at));
  return [line, idle(say, data, extension, now)].filter(Boolean).join(' ');
}

export function terms(scene: Scene, { terms, limits_before, limits_after, ends_at_if_accepted_now }: Offer): Child {
  const { say } = scene, text = TEXTS[say.lang];
  return [gain(say, terms), facts(
    ...BOTH.map((what) => {
      const a = say.number(limits_before[what].total), b = say.number(limits_after[what].total);
      return [say.text[what], a === b ? a : [`${a} → `, h('b.extra', b)]];
    }),
    [text.until, time(say, ends_at_if_accepted_now), sooner(scene, ends_at_if_accepted_now)],
  ), ahead(scene, limits_after), h('ul.muted.small', text.notes.map((note) => h('li', note)))];
}

export function parameters(scene: Scene, extension: Extension, name: string): Child {
  const { say, now, me, data } = scene, text = TEXTS[say.lang];
  const { terms, granted_at, granted_by, revoked_at } = extension;
  const runs = stateOf(extension, now) === 'active', end = endOf(extension);
  const silent = idle(say, data, extension, now);
  return [gain(say, terms), facts(
    [text.grantedAt, time(say, granted_at, extension)],
    [text.grantedBy, h('bdi', name), granted_by === me && ` (${text.you})`],
    [until(say, extension, now), time(say, end, extension), runs && counter(scene, end), silent ? h('p.small.idle', silent) : runs && sooner(scene, end)],
    !runs && !endedEarly(extension) && [text.revokedAt, revoked_at ? time(say, revoked_at, extension) : text.notRevoked],
  )];
}

/** Until when extensions count, from an instant on: as long as main or prolonging subscriptions follow each other. */
function coveredUntil(rows: Row[], from: number): number {
  const periods = rows.filter(({ kind }) => kind !== 'add_on').flatMap((row) => [row, row.next_period ?? []].flat());
  let end = from;
  for (let reached = NaN; reached !== end;) {
    reached = end;
    for (const { starts_at, ends_at } of periods) if (Date.parse(starts_at) <= end) end = Math.max(end, ends_at ? Date.parse(ends_at) : Infinity);
  }
  return end;
}

/** Where no subscription carries the extension to its end: until when it helps. */
function sooner({ say, now, data }: Scene, end: string): Child {
  const last = data && !data.next_token ? coveredUntil(data.subscriptions, now) : now;
  return last > now && last < Date.parse(end) && h('p.small.idle', fill(TEXTS[say.lang].sooner, say.soon(last, now)));
}

/** Other terms than those offered before. */
export function changed(say: Speech, before: Terms): string[] {
  const text = TEXTS[say.lang];
  return [text.changed, `${text.before}: ${words(say, before)}.`];
}

/** +2 сеанса и +8 баз на 7 дней */
export function words(say: Speech, terms: Terms): string {
  const text = TEXTS[say.lang];
  const term = duration(say, terms.duration).replace(/(минут|секунд)а/g, '$1у').replace('неделя', 'неделю'); // на 1 минуту
  return fill(text.gain, BOTH.filter((what) => terms[what] > 0).map((what) => `+${say.count(terms[what], what)}`).join(text.and), term);
}

/** An ISO 8601 duration in words; what is none stays as it is. */
function duration(say: Speech, iso: string): string {
  const [, ...found] = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(iso) ?? [];
  return say.span(...found.map((n) => Number(n ?? 0))) || iso;
}

function gain(say: Speech, terms: Terms): Child {
  return h('ul.gain', BOTH.map((what) => terms[what] > 0 && h('li', `+${say.count(terms[what], what)}`)), h('li.term', duration(say, terms.duration)));
}

function facts(...pairs: (Child[] | false)[]): Child {
  return h('dl.facts', pairs.filter((pair) => !!pair).map(([name, ...value]) => h('div', h('dt', name), h('dd', value))));
}
