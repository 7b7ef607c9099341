/** The page: what the account may use now, and its subscriptions. */
import type { List, Row } from './client';
import { type Child, h } from './dom';
import { button, contact, counter, number, time } from './parts';
import { type Acts, type Scene, granted, stateOf, why } from './scene';
import { BOTH, own } from './texts';

/** What a screen reader is told: the latest of what happened. */
export function news({ say, data, problem, notice }: Scene): string {
  return notice?.text ?? (problem ? why(say, problem)[0] : data ? '' : say.text.loading);
}

export function page(scene: Scene, acts: Acts): Child[] {
  const { say: { text }, say, data, notice } = scene;
  return [
    h('header', h('h2.heading', { id: 'title', tabindex: -1 }, text.title),
      data && h('p.muted', data.account.name && [h('bdi', data.account.name), ' · '], h('bdi', data.account.id))),
    notice && h(`p.notice.${notice.tone}`, notice.text),
    trouble(scene, acts),
    data && [
      data.role !== 'owner' && h('p.notice.info', text.refusals.owner_required.join('. ')),
      data.subscriptions[0] ? [limits(scene, data), table(scene, data, acts)] : h('div.blank', h('h3', text.empty)),
      data.next_token && button('more', 'plain', acts.more, text.more),
      contact(say, data.account.servicing_organization),
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

function limits({ say: { text }, say, now }: Scene, data: List): HTMLElement {
  const running = data.subscriptions.map((row) => row.extension).filter(granted).filter((extension) => stateOf(extension, now) === 'active');
  const only = running.length === 1 ? running[0] : undefined;
  const till = only ? only.ends_at : data.limits.next_change_at;
  return h('section.limits', { 'aria-labelledby': 'limits' }, h('h3', { id: 'limits' }, text.now),
    h('dl', BOTH.map((what) => {
      const { base, extra, total } = data.limits[what];
      const piece = (tag: string, size: number | null) => Object.assign(h(tag), { style: `flex-grow: ${size ?? 0}` });
      return h('div.card.limit', h('dt', text[what]), h('dd', h('b.total', say.number(total)),
        total != null && extra > 0 && [
          h('span.muted.small', `${say.number(base)} ${text.base} + `, h('span.extra', `${say.number(extra)} ${text.extra}`)),
          h('span.bar', { 'aria-hidden': true }, piece('i', base), piece('i.extra', extra)),
        ]));
    })),
    till && BOTH.some((what) => data.limits[what].extra) && h('p.muted.small', `${only ? text.extraTill : text.changes} `, time(say, till, only)));
}

function table(scene: Scene, { subscriptions }: List, acts: Acts): HTMLElement {
  const { say: { text }, say } = scene;
  const date = (word: string, iso: string) => [`${word}\u00a0`, h('time', { datetime: iso }, say.date(iso))];
  const cell = (child: Child, i: number) => h('td.cell', h('span.label', { 'aria-hidden': true }, text.heads[i]), h('div', child));
  return h('table.table', { 'aria-labelledby': 'title' },
    h('thead', h('tr.row', text.heads.map((head) => h('th', { scope: 'col' }, head)))),
    h('tbody', subscriptions.map((row) => h('tr.row', [
      [h('bdi.name', { id: `n-${row.id}` }, row.tariff.name), h('p.muted.small', number(say, row), ` · ${own(text.kinds, row.kind) ?? row.kind}`)],
      [date(text.from, row.starts_at), ' ', date(text.till, row.ends_at), h(`p.muted.small.state.${row.state}`, own(text.states, row.state) ?? row.state)],
      BOTH.map((what) => h('p', say.count(row.limits[what], what))),
      extension(scene, row, acts),
    ].map(cell)))));
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
  return [link(state, `${state === 'active' ? text.active : text.used} `, time(say, extension.ends_at, extension)), state === 'active' && counter(scene, extension.ends_at)];
}
