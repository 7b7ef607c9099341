/** What both the page and the window are made of. */
import type { Extension, Limit, Limits, Organization, Row } from './client';
import { type Child, h } from './dom';
import type { Scene } from './scene';
import { DAY, HOUR, type Speech } from './speech';
import { BOTH, fill } from './texts';

export const button = (id: string, look: string, press: (event: MouseEvent) => void, label: Child, more?: Record<string, string | boolean>): HTMLElement => h(`button.${look}`, { id, type: 'button', click: press as (event: Event) => void, ...more }, label);

/** As long as it is large. The style is set from here: a policy may forbid it in markup. */
export const grow = (tag: string, flex: number | string, ...children: Child[]): HTMLElement => Object.assign(h(tag, ...children), { style: `flex: ${flex}` });

/** A table, named; where it is narrow its rows become cards, and every cell says what it is. */
export function grid(name: Record<string, string>, heads: string[], rows: Child[][]): HTMLElement {
  return h('table.table', name,
    h('thead', h('tr.row', heads.map((head) => h('th', { scope: 'col' }, head)))),
    h('tbody', rows.map((cells) => h('tr.row', cells.map((child, i) => h('td.cell', h('span.label', { 'aria-hidden': true }, heads[i]), h('div', child)))))));
}

/** An instant; to the second in a short extension. */
export function time(say: Speech, iso: string, extension?: Pick<Extension, 'granted_at' | 'ends_at'>): HTMLElement {
  const short = extension && Date.parse(extension.ends_at) - Date.parse(extension.granted_at) < HOUR;
  return h('time', { datetime: iso }, say.moment(iso, short));
}

/** Counts down; the element keeps it going. */
export const counter = ({ say, now }: Scene, iso: string): HTMLElement => h('p.muted.small', { 'data-until': iso }, say.left(Date.parse(iso) - now));

export const number = (say: Speech, row: Row): Child[] => [`${say.text.no} `, h('bdi', row.number)];

/** Whether more is in use than there is, or the next change is near, or takes away what is in use: time to turn to somebody. */
export function pressing(limits: Limits, now: number): boolean {
  const { next_change_at: at, after_change: after } = limits;
  return BOTH.some((what) => limits[what].over) || !!at && Date.parse(at) - now <= (BOTH.some((what) => after?.[what].over) ? 99 : 1) * DAY;
}

/** занято | 5 из 9 | свободно 4 */
export function usage(say: Speech, { total, used, over }: Limit): [lead: string, sum: string, rest: string] {
  const { text } = say;
  if (used == null) return ['', say.number(total), text.unknown];
  const sum = say.number(used);
  if (total == null) return [text.used, sum, text.unlimited];
  const rest = over ? fill(text.over, say.number(over)) : total > used ? fill(text.free, say.number(total - used)) : text.full;
  return [text.used, `${sum} ${text.of} ${say.number(total)}`, rest];
}

/** What the next change leaves, held against what is in use: останется 1 база; занято 5, больше лимита на 4: … */
export function leaves(say: Speech, limits: Limits): string[] {
  const { text } = say;
  return BOTH.map((what) => {
    const { total, over } = limits.after_change![what], { total: before, used } = limits[what];
    const count = say.count(total, what);
    const left = total == null ? count : fill(before != null && total > before ? text.grows : say.pick(text.remains, total), count);
    if (used == null) return `${left}; ${text.unknown}`;
    return `${left}; ${text.used} ${say.number(used)}${over ? `, ${fill(text.over, say.number(over))}: ${text.noNew[what]}` : ''}`;
  });
}

/** The same to look at. */
export function ahead({ say, now }: Scene, limits: Limits): Child {
  const { next_change_at: at, after_change: after } = limits;
  if (!at || !after) return null;
  const lastDay = Date.parse(at) - DAY;
  return h('div.ahead', h('b', say.soon(at, now)),
    lastDay > now && h('i', { hidden: '', 'data-until': new Date(lastDay).toISOString() }), // has the contact moved up in time
    h('ul', leaves(say, limits).map((line, i) => h(after[BOTH[i]!].over ? 'li.over' : 'li', line))));
}

/** Whom to turn to. Only what surely is a phone, a mail address or a web site becomes a link. */
export function contact(say: Speech, organization: Organization | null | undefined): HTMLElement {
  const { name, city, phone, email, site } = organization ?? {};
  const dial = phone?.replace(/[\s().-]/g, '') ?? '';
  const address = /^[\w.-]+\.\w+(\/|$)/.test(site ?? '') ? `https://${site ?? ''}` : site ?? '';
  const url = URL.canParse(address) && !/[@\\\s\p{C}]/u.test(address) && new URL(address);
  const ways = ([
    [phone, /^\+?\d{3,15}$/.test(dial) && `tel:${dial}`],
    [email, /^[\w.+-]+@[\wа-яё.-]+$/i.test(email ?? '') && `mailto:${email ?? ''}`],
    [site, url && /^https?:$/.test(url.protocol) && url.href],
  ] as const).filter(([value]) => value);
  return h('section.contact', h('h3', say.text.need), h('p.muted', say.text.needNext), (name ?? ways[0]) && h('div.card',
    h('p', h('bdi.name', name), name && city && ', ', h('bdi', city)),
    h('ul.ways', ways.map(([value, href]) => h('li', h('bdi', href ? h('a', { href }, value) : value))))));
}
