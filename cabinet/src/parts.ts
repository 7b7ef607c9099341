/** What both the page and the window are made of. */
import type { Extension, Organization, Row, Terms } from './client';
import { type Child, h } from './dom';
import type { Scene } from './scene';
import { HOUR, type Speech } from './speech';
import { BOTH } from './texts';

export const button = (id: string, look: string, press: () => void, label: Child, more?: Record<string, string | boolean>): HTMLElement => h(`button.${look}`, { id, type: 'button', click: press, ...more }, label);

/** An instant; to the second in a short extension. */
export function time(say: Speech, iso: string, extension?: Pick<Extension, 'granted_at' | 'ends_at'>): HTMLElement {
  const short = extension && Date.parse(extension.ends_at) - Date.parse(extension.granted_at) < HOUR;
  return h('time', { datetime: iso }, say.moment(iso, short));
}

/** Counts down; the element keeps it going. */
export const counter = ({ say, now }: Scene, iso: string): HTMLElement => h('p.muted.small', { 'data-until': iso }, say.left(Date.parse(iso) - now));

export const number = (say: Speech, row: Row): Child[] => [`${say.text.no} `, h('bdi', row.number)];

export function gain(say: Speech, terms: Terms): HTMLElement {
  return h('ul.gain', BOTH.map((what) => terms[what] > 0 && h('li', `+${say.count(terms[what], what)}`)), h('li.term', say.duration(terms.duration)));
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
