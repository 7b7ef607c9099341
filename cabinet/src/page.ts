/** The page: what the account may use now, and its subscriptions. */
import type { Extension, Limit, Limits, List, Row } from './client';
import { type Child, h } from './dom';
import { ahead, button, contact, counter, grid, grow, number, pressing, time, usage } from './parts';
import { type Acts, type Scene, granted, stateOf, why } from './scene';
import { DAY, HOUR, SECOND } from './speech';
import { BOTH, own } from './texts';

const WEEK = 7 * DAY;
type Point = [iso: string, edge: number, name?: string, extension?: Extension];

/** What a screen reader is told: the latest of what happened. */
export function news({ say, data, problem, notice }: Scene): string {
  return notice?.text ?? (problem ? why(say, problem)[0] : data ? '' : say.text.loading);
}

export function page(scene: Scene, acts: Acts): Child[] {
  const { say: { text }, say, data, notice, aside, extras } = scene;
  const near = data && pressing(data.limits, scene.now);
  const help = data && contact(say, data.account.servicing_organization);
  return [
    h('header', h('h2.heading', { id: 'title', tabindex: -1 }, text.title),
      data && h('p.muted', data.account.name && [h('bdi', data.account.name), ' · '], h('bdi', data.account.id))),
    notice && h(`p.notice.${notice.tone}`, notice.text),
    trouble(scene, acts),
    data && [
      data.role !== 'owner' && h('p.notice.info', text.refusals.owner_required.join('. ')),
      data.subscriptions[0] ? [limits(scene, data), near && help, table(scene, data, acts)] : h('div.blank', h('h3', text.empty)),
      data.next_token && button('more', 'plain', acts.more, text.more),
      h('div.tools',
        button('history', 'plain', () => acts.extra('history'), text.history, { 'aria-expanded': !!extras?.opened }),
        button('summary', 'plain', () => acts.extra('summary'), text.summary)),
      aside,
      !near && help,
    ],
  ];
}

/** Instead of the list where there is none; above it where it may be out of date. */
function trouble({ say, data, problem }: Scene, acts: Acts): Child {
  if (!problem) return !data && h('div.blank.muted', say.text.loading);
  const [title, next] = why(say, problem);
  const retry = problem.passing && button('retry', 'plain', acts.load, say.text.retry);
  if (data) return h('div.notice.warn', h('p', `${title}. ${next}`), retry);
  const { servicing_organization } = problem.brought;
  return h('div.blank', h('h3', title), h('p', next), retry, servicing_organization && contact(say, servicing_organization));
}

function limits(scene: Scene, { limits, subscriptions }: List): HTMLElement {
  const { say: { text }, say, now } = scene;
  return h('section.limits', { 'aria-labelledby': 'limits' }, h('h3', { id: 'limits' }, text.now),
    h('dl', BOTH.map((what) => {
      const limit = limits[what], { base, extra, total, over } = limit;
      const [lead, sum, rest] = usage(say, limit);
      return h('div.card.limit', h('dt', text[what]), h('dd', lead && h('span.muted', lead), h('b.total', sum), h(over ? 'b.over' : 'span.muted', rest),
        bar(limit),
        total != null && h('span.muted.small', `${say.number(base)} ${text.base}`, extra > 0 && [' + ', h('span.extra', `${say.number(extra)} ${text.extra}`)]),
        !!over && h('p.small', text.noNow[what])));
    })),
    limits.used_at && h('p.muted.small', `${text.usedAt} `, h('time', { datetime: limits.used_at }, say.clock(limits.used_at, now))),
    line(scene, limits, subscriptions), ahead(scene, limits));
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

/** What begins and ends from a week back, in order; now is one of them. */
function points(now: number, next: string | null, rows: Row[]): Point[] {
  const all: Point[] = [[new Date(now + 2 * SECOND).toISOString(), 0]]; // after what was granted this very second
  for (const { state, starts_at, ends_at, tariff: { name }, extension } of rows) {
    if (state === 'active') all.push([ends_at, 3, name]);
    if (state === 'future') all.push([starts_at, 4, name]);
    if (granted(extension) && Date.parse(extension.ends_at) >= now - WEEK) all.push([extension.granted_at, 1, name, extension], [extension.ends_at, 2, name, extension]);
  }
  if (next && !all.some(([iso]) => iso === next)) all.push([next, 5]); // an extension of an earlier period ends, say: it is in no row
  return all.sort();
}

/** From there to a week after the next change: a list, drawn as a line. */
function line({ say: { text }, say, now }: Scene, limits: Limits, rows: Row[]): Child {
  const { next_change_at: next } = limits;
  const soon = (next ? Date.parse(next) : now) + WEEK;
  const near = points(now, next, rows).filter(([iso]) => Date.parse(iso) <= soon);
  const groups = Object.entries(Object.groupBy(near, ([iso]) => iso)) as [string, Point[]][];
  const at = [...groups.map(([iso]) => Date.parse(iso)), soon], here = groups.findIndex(([, group]) => !group[0]![1]);
  const lasts = (from: number, to = from + 1) => at[to]! - at[from]!;
  return groups[1] && h('ol.line', { role: 'list' }, groups.map(([iso, group], i) => {
    const [, edge, , extension] = group[0]!;
    const extended = rows.some(({ extension }) => granted(extension) && extension.granted_at <= iso && iso < extension.ends_at)
      || i >= here && !!next && iso < next && BOTH.some((what) => limits[what].extra);
    // "Now" is said above the line, so that it may stand where it is: it shares the room of the words that stand below, left of it.
    const shared = here > 0 && (i === here || i === here - 1);
    const room = shared ? 11 * lasts(i) / lasts(here - 1, here + 1) : edge ? 11 : 5;
    return grow(`li.edge${extended ? '.extra' : ''}${edge ? '' : '.now'}`, `${Math.ceil(lasts(i) / HOUR)} ${room.toFixed(1)}rem`,
      group.map(([, edge, name]) => h('p', text.edges[edge], name && [' ', h('bdi.name', name)])),
      edge > 0 && h('p.muted.small', time(say, iso, extension)));
  }));
}

function table(scene: Scene, { subscriptions }: List, acts: Acts): HTMLElement {
  const { say: { text }, say } = scene;
  const date = (word: string, iso: string) => [`${word}\u00a0`, h('time', { datetime: iso }, say.date(iso))];
  return grid({ 'aria-labelledby': 'title' }, text.heads, subscriptions.map((row) => [
    [h('bdi.name', { id: `n-${row.id}` }, row.tariff.name), h('p.muted.small', number(say, row), ` · ${own(text.kinds, row.kind) ?? row.kind}`)],
    [date(text.from, row.starts_at), ' ', date(text.till, row.ends_at), h(`p.muted.small.state.${row.state}`, own(text.states, row.state) ?? row.state)],
    BOTH.map((what) => h('p', say.count(row.limits[what], what))),
    extension(scene, row, acts),
  ]));
}

/** The cell that the whole component is about. */
function extension(scene: Scene, { id, extension }: Row, acts: Acts): Child {
  const { say: { text }, say, now } = scene;
  const state = stateOf(extension, now);
  const link = (look: string, ...label: Child[]) => button(`x-${id}`, `link.${look}`, () => acts.open(id), label, { 'aria-haspopup': 'dialog', 'aria-describedby': `n-${id}` });
  if (extension.state === 'available') return link('extend', text.extend);
  if (extension.state === 'unavailable') {
    const [reason] = own(text.refusals, extension.reason) ?? text.refusals.other;
    return h('span.none', { id: `r-${id}`, tabindex: 0 }, h('span.dash', { 'aria-hidden': true }, '—'), h('span.reason', reason));
  }
  return [link(state, `${state === 'active' ? text.active : text.ended} `, time(say, extension.ends_at, extension)), state === 'active' && counter(scene, extension.ends_at)];
}
