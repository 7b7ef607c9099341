/** The line of time: what begins and ends around an extension. */
import { BOTH, type Extension, type List, counts, endOf, granted } from '../answers';
import { type Child, h } from '../dom';
import { grow } from '../limits';
import { time } from '../parts';
import type { Scene } from '../scene';
import { HOUR, SECOND, WEEK } from '../when';
import { TEXTS } from './texts';

type Edge = keyof typeof TEXTS.en.edges;
interface Point { iso: string; edge: Edge; name?: string; extension?: Extension }

/** Beginnings and ends from a week back, in order; now is one of them. */
function points(now: number, next: string | null, { subscriptions }: List): Point[] {
  const all: Point[] = [{ iso: new Date(now + 2 * SECOND).toISOString(), edge: 'now' }]; // after what was granted this very second
  for (const { state, starts_at, ends_at, next_period, tariff: { name }, extension } of subscriptions) {
    if (next_period) all.push({ iso: next_period.starts_at, edge: 'next', name: next_period.tariff.name });
    if (state === 'active' && ends_at && ends_at !== next_period?.starts_at) all.push({ iso: ends_at, edge: 'over', name });
    if (state === 'future') all.push({ iso: starts_at, edge: 'starts', name });
    if (granted(extension) && Date.parse(endOf(extension)) >= now - WEEK) {
      all.push({ iso: extension.granted_at, edge: 'begins', name, extension }, { iso: endOf(extension), edge: 'ends', name, extension });
    }
  }
  if (next && !all.some(({ iso }) => iso === next)) all.push({ iso: next, edge: 'change' }); // an extension of an earlier period ends, say: it is in no row
  const order = Object.keys(TEXTS.en.edges); // within one instant
  return all.sort((a, b) => Date.parse(a.iso) - Date.parse(b.iso) || order.indexOf(a.edge) - order.indexOf(b.edge));
}

/** From there to a week after the next change: a list, drawn as a line. */
export function line({ say, now }: Scene, data: List): Child {
  const text = TEXTS[say.lang];
  const { limits, subscriptions } = data, { next_change_at: next } = limits;
  const soon = (next ? Date.parse(next) : now) + WEEK;
  const groups = new Map<string, Point[]>();
  for (const point of points(now, next, data)) if (Date.parse(point.iso) <= soon) groups.set(point.iso, [...groups.get(point.iso) ?? [], point]);
  const stops = [...groups], at = [...stops.map(([iso]) => Date.parse(iso)), soon], here = stops.findIndex(([, group]) => group[0]!.edge === 'now');
  const lasts = (from: number, to = from + 1) => at[to]! - at[from]!;
  return stops[1] && h('ol.line', { role: 'list' }, stops.map(([iso, group], i) => {
    const [{ edge, extension }] = group as [Point];
    const extended = subscriptions.some(({ extension }) => granted(extension) && extension.granted_at <= iso && iso < endOf(extension) && counts(data, extension, Date.parse(iso)))
      || i >= here && !!next && iso < next && BOTH.some((what) => limits[what].extra);
    // "Now" is said above the line, so that it may stand where it is: it shares the room of the words that stand below, left of it.
    const shared = here > 0 && (i === here || i === here - 1);
    const isNow = edge === 'now';
    const room = shared ? 11 * lasts(i) / lasts(here - 1, here + 1) : isNow ? 5 : 11;
    return grow(`li.edge${extended ? '.extra' : ''}${isNow ? '.now' : ''}`, `${Math.ceil(lasts(i) / HOUR)} ${room.toFixed(1)}rem`,
      group.map(({ edge, name }) => h('p', text.edges[edge], name && [' ', h('bdi.name', name)])),
      !isNow && h('p.muted.small', time(say, iso, extension)));
  }));
}
