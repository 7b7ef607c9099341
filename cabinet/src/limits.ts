/** The limits of the account: bars, and the next change. */
import { BOTH, type Limit, type Limits, type List, granted } from './answers';
import { type Child, h } from './dom';
import type { Scene } from './scene';
import type { Speech } from './speech';
import { fill } from './texts';
import { DAY } from './when';

/** As long as it is large. The style is set from here: a policy may forbid it in markup. */
export const grow = (tag: string, flex: number | string, ...children: Child[]): HTMLElement => Object.assign(h(tag, ...children), { style: `flex: ${flex}` });

/** The next change is too far away to be alarmed about. */
const far = ({ next_change_at: at }: Limits, now: number): boolean => !!at && Date.parse(at) - now > 99 * DAY;

/** Time to turn to somebody: more is in use than there is, or will be within 99 days, or a change is due within a day. */
export function pressing(limits: Limits, now: number): boolean {
  const { next_change_at: at, after_change: after } = limits;
  return BOTH.some((what) => limits[what].over || !far(limits, now) && after?.[what].over) || !!at && Date.parse(at) - now <= DAY;
}

/** There is a line of time: about extensions, and nothing far away would make it long. */
export function lined({ limits, subscriptions }: List, now: number): boolean {
  return !far(limits, now) && (BOTH.some((what) => limits[what].extra) || subscriptions.some(({ extension }) => granted(extension)));
}

export function limits(scene: Scene, data: List): HTMLElement {
  const { say: { text }, say, now } = scene, { limits } = data;
  return h('section.limits', { 'aria-labelledby': 'limits' }, h('h3', { id: 'limits' }, text.now),
    h('dl', BOTH.map((what) => {
      const limit = limits[what], { base, extra, total, over } = limit;
      const [lead, sum, rest] = usage(say, limit);
      return h('div.card.limit', h('dt', text[what]), h('dd', lead && h('span.muted', lead), h('b.total', sum), rest && h(over ? 'b.over' : 'span.muted', rest),
        bar(limit),
        total != null && h('span.muted.small', `${say.number(base)} ${text.base}`, extra > 0 && [' + ', h('span.extra', `${say.number(extra)} ${text.extra}`)]),
        !!over && h('p.small', fill(text.noNew[what], '', text.noNow))));
    })),
    h('p.muted.small', limits.used_at ? [`${text.usedAt} `, h('time', { datetime: limits.used_at }, say.clock(limits.used_at, now))] : text.unknown),
    lined(data, now) && scene.extras?.line(scene, data), ahead(scene, limits));
}

/** занято | 5 из 9 | свободно 4 */
export function usage(say: Speech, { total, used, over }: Limit): [lead: string, sum: string, rest: string] {
  const { text } = say;
  if (used == null) return ['', say.number(total), ''];
  const sum = say.number(used);
  if (total == null) return [text.used, sum, text.unlimited];
  const rest = over ? fill(text.over, say.number(over)) : total > used ? fill(text.free, say.number(total - used)) : text.full;
  return [text.used, fill(over ? text.beyond : text.of, sum, say.number(total)), rest];
}

/** In use and free, by the tariff, by the extension and above both: each piece as long as it is large. */
function bar({ base, total, used }: Limit): HTMLElement {
  const inUse = used ?? 0, most = total ?? 2 * inUse + 1; // open to the end
  const cuts = [...new Set([0, base ?? most, most, inUse])].sort((a, b) => a - b);
  return h(used == null ? 'span.bar.unknown' : 'span.bar', { 'aria-hidden': true }, cuts.slice(1).map((to, i) => {
    const from = cuts[i]!;
    const look = total == null ? 'open' : from >= total ? 'above' : from >= base! ? 'extra' : 'base';
    return grow(`i.${look}${from < inUse ? '.on' : ''}`, to - from);
  }));
}

/** The limits after the next change, held against what is in use: лимит станет 1 база, занято 5 — на 4 больше; … */
export function leaves(say: Speech, limits: Limits): string[] {
  const { text } = say;
  return BOTH.map((what) => {
    const { total, over } = limits.after_change![what], { total: before, used } = limits[what];
    const count = say.count(total, what);
    const way = before == null || total! < before ? 'less' : total! > before ? 'more' : 'same';
    return (total == null ? count : fill(text.becomes[way], count))
      + (used == null ? '' : fill(say.pick(text.inUse, used), say.number(used)))
      + (over ? fill(text.tooMany, say.number(over)) + fill(text.noNew[what], text.later, '') : '');
  });
}

/** The same to look at. */
export function ahead({ say, now }: Scene, limits: Limits): Child {
  const { next_change_at: at, after_change: after } = limits;
  if (!at || !after) return null;
  const change = Date.parse(at), next = change - DAY > now ? change - DAY : change;
  return h('div.ahead', h('b', fill(say.text.after, say.soon(at, now))),
    h('i', { hidden: '', 'data-until': new Date(next).toISOString() }), // has the contact move up, and the limits change, in time
    h('ul', leaves(say, limits).map((line, i) => h(after[BOTH[i]!].over && !far(limits, now) ? 'li.over' : 'li', line))));
}
