/** Parts of the page and the window. */
import { type Extension, type List, type Organization, type Row, counts, endedEarly, stateOf } from './answers';
import { type Child, h } from './dom';
import type { Scene } from './scene';
import type { Speech } from './speech';
import { HOUR } from './when';

export const button = (id: string, look: string, press: (event: MouseEvent) => void, label: Child, more?: Record<string, string | boolean>): HTMLElement => h(`button.${look}`, { id, type: 'button', click: press as (event: Event) => void, ...more }, label);

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

/** Расширена до, Была расширена до, Расширение прекращено: the instant follows. */
export function until({ text }: Speech, extension: Extension, now: number): string {
  return endedEarly(extension) ? text.stopped : stateOf(extension, now) === 'active' ? text.active : text.ended;
}

/** The remark on a running extension that does not count. */
export function idle({ text }: Speech, data: List | null, extension: Extension, now: number): string | false {
  return stateOf(extension, now) === 'active' && !!data && !counts(data, extension, now) && text.idle;
}

/** The servicing organisation. Only what surely is a phone, a mail address or a web site becomes a link. */
export function contact(say: Speech, organization: Organization | null | undefined): HTMLElement {
  const { name, city, phone, email, site } = organization ?? {};
  const dial = phone?.replace(/[\s().-]/g, '') ?? '';
  const ways = ([
    [phone, /^\+?\d{3,15}$/.test(dial) && `tel:${dial}`],
    [email, /^[\w.+-]+@[\wа-яё.-]+$/i.test(email ?? '') && `mailto:${email ?? ''}`],
    [site, link(site ?? '')],
  ] as const).filter(([value]) => value);
  return h('section.contact', h('h3', say.text.need), h('p.muted', say.text.needNext), (name ?? ways[0]) && h('div.card',
    h('p', h('bdi.name', name), name && city && ', ', h('bdi', city)),
    h('ul.ways', ways.map(([value, href]) => h('li', h('bdi', href ? h('a', { href }, value) : value))))));
}

function link(site: string): string | false {
  try {
    const { protocol, href } = new URL(/^[\w.-]+\.\w+(\/|$)/.test(site) ? `https://${site}` : site);
    return /^https?:$/.test(protocol) && !/[@\\\s\p{C}]/u.test(site) && href;
  } catch {
    return false;
  }
}
