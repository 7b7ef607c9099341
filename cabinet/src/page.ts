/** The page: an account's subscriptions, what it may use, and whom to turn to. */
import { BOTH, type List, type Row, endOf, granted, stateOf } from './answers';
import { type Child, h } from './dom';
import { limits, pressing } from './limits';
import { button, contact, counter, grid, idle, number, time, until } from './parts';
import { type Acts, type Scene, why } from './scene';
import type { Speech } from './speech';
import { own } from './texts';

/** The latest of what happened, for a screen reader. */
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
      data.subscriptions[0] ? table(scene, data, acts) : h('div.blank', h('h3', text.empty)),
      data.next_token && button('more', 'plain', acts.more, text.more),
      data.subscriptions[0] && limits(scene, data),
      near && help,
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

function table(scene: Scene, { subscriptions }: List, acts: Acts): HTMLElement {
  const { say: { text }, say } = scene;
  return grid({ 'aria-labelledby': 'title' }, text.heads, subscriptions.map((row) => [
    [h('bdi.name', { id: `n-${row.id}` }, row.tariff.name), h('p.muted.small', number(say, row), ` · ${own(text.kinds, row.kind) ?? row.kind}`)],
    [period(say, row), h(`p.muted.small.state.${row.state}`, own(text.states, row.state) ?? row.state), next(say, row)],
    BOTH.map((what) => h('p', say.count(row.limits[what], what))),
    extension(scene, row, acts),
  ]));
}

function period(say: Speech, { starts_at, ends_at }: Pick<Row, 'starts_at' | 'ends_at'>): Child[] {
  const { text } = say;
  const date = (word: string, iso: string) => [`${word}\u00a0`, h('time', { datetime: iso }, say.date(iso))];
  return [date(text.from, starts_at), ' ', ends_at ? date(text.till, ends_at) : text.open];
}

/** The period that follows, and what changes with it. */
function next(say: Speech, { tariff, limits, next_period: next }: Row): Child {
  return next && h('p.muted.small', `${say.text.next} `, period(say, next),
    next.tariff.name !== tariff.name && [', ', h('bdi', next.tariff.name)],
    BOTH.map((what) => next.limits[what] !== limits[what] && `, ${say.count(next.limits[what], what)}`));
}

/** The cell that the whole component is about. */
function extension(scene: Scene, { id, extension }: Row, acts: Acts): Child {
  const { say: { text }, say, now, data } = scene;
  const state = stateOf(extension, now);
  const link = (look: string, ...label: Child[]) => button(`x-${id}`, `link.${look}`, () => acts.open(id), label, { 'aria-haspopup': 'dialog', 'aria-describedby': `n-${id}` });
  if (extension.state === 'available') return link('extend', text.extend);
  if (!granted(extension)) return h('p.muted.none', (own(text.refusals, extension.reason) ?? text.refusals.other)[0]);
  const silent = idle(say, data, extension, now);
  return [link(silent ? 'used' : state, `${until(say, extension, now)} `, time(say, endOf(extension), extension)),
    silent && h('p.small.idle', silent),
    state === 'active' && counter(scene, endOf(extension))];
}
