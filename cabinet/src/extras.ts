/** The second file: what the window tells, an account's history of extensions, and a summary as text. Loaded when asked for; the first hands it its tools. */
import type { Extension, Limits, Offer, Problem, Terms } from './client';
import type { Child } from './dom';
import type { Kit } from './element';
import css from './extras.css';
import { TEXTS } from './extras-texts';
import type { Scene, Sheet } from './scene';
import type { Speech } from './speech';
import type { Texts } from './texts';

export type Extra = 'history' | 'summary';
/** An extension of any period. */
type Past = Extension & { subscription_id: string; subscription_number: string | null; period_starts_at: string };
interface Page { extensions: Past[]; next_token: string | null }
interface History { page?: Page; problem?: Problem | undefined; busy?: boolean }

interface Tools extends Kit {
  readonly root: ShadowRoot;
  readonly get: <Answer>(path: string) => Promise<Answer>;
  readonly scene: () => Scene;
  readonly draw: () => void;
}

const JUST_NOW = 2 * 60_000; // milliseconds
const STYLE = new CSSStyleSheet();
STYLE.replaceSync(css);

export class Extras {
  readonly #tools: Tools;
  readonly #status: HTMLElement;
  #history: History | null = null; // while it is open
  #seen = ''; // what the list told of extensions when the history was last asked for
  #summary = '';
  #lang: string;

  constructor(tools: Tools) {
    this.#tools = tools;
    this.#lang = tools.scene().say.lang;
    this.#status = tools.h('div', { role: 'status' });
    const sheets = tools.root.adoptedStyleSheets;
    if (!sheets.includes(STYLE)) sheets.push(STYLE);
  }

  get opened(): boolean { return !!this.#history; }

  press(what: Extra): void {
    this.#tell('');
    if (what === 'summary') void this.#copy();
    else if (this.#history) this.#history = null;
    else void this.#load();
  }

  view(scene: Scene): Child[] {
    const { say, data } = scene, { h } = this.#tools;
    if (this.#lang !== say.lang) { // what was said is in another language
      this.#lang = say.lang;
      this.#summary = '';
      this.#tell('');
    }
    if (!data) return [];
    const history = this.#history;
    if (history && !history.problem && this.#seen !== seen(scene)) queueMicrotask(() => void this.#load());
    return [
      this.#status,
      this.#summary && h('textarea.summary', { id: 'text', readonly: '', rows: this.#summary.split('\n').length, 'aria-label': TEXTS[say.lang].summary }, this.#summary),
      history && this.#past(scene, history),
    ];
  }

  /** Seen, and read out. */
  #tell(line: string): void { this.#status.textContent = line; }

  // ---- in the window

  /** What was granted, told to the one who asked: to whom it is new that another owner was faster. */
  announcement({ say, now, me }: Scene, { row }: Sheet, extension: Extension): string {
    const { time, fill } = this.#tools, text = TEXTS[say.lang];
    const { granted_by, granted_at, ends_at } = extension;
    const name = `\u2068${row.tariff.name}\u2069`;
    const moment = (iso: string) => time(say, iso, extension).textContent ?? '';
    if (granted_by === me) return fill(text.granted, name, moment(ends_at));
    const when = now - Date.parse(granted_at) < JUST_NOW ? text.justNow : moment(granted_at);
    return fill(text.byOther, granted_by, when, name, moment(ends_at));
  }

  terms(scene: Scene, { terms, limits_before, limits_after, ends_at_if_accepted_now }: Offer): Child {
    const { h, time, ahead, both } = this.#tools, { say } = scene, text = TEXTS[say.lang];
    return [this.#gain(say, terms), this.#facts(
      ...both.map((what) => {
        const a = say.number(limits_before[what].total), b = say.number(limits_after[what].total);
        return [say.text[what], a === b ? a : [`${a} → `, h('b.extra', b)]];
      }),
      [text.until, time(say, ends_at_if_accepted_now)],
    ), ahead(scene, limits_after), h('ul.muted.small', text.notes.map((note) => h('li', note)))];
  }

  parameters(scene: Scene, extension: Extension): Child {
    const { h, time, counter, stateOf } = this.#tools, { say, now, me } = scene, text = TEXTS[say.lang];
    const { terms, granted_at, granted_by, ends_at, revoked_at } = extension;
    const runs = stateOf(extension, now) === 'active';
    return [this.#gain(say, terms), this.#facts(
      [text.grantedAt, time(say, granted_at, extension)],
      [text.grantedBy, h('bdi', granted_by), granted_by === me && ` (${text.you})`],
      [runs ? say.text.active : say.text.ended, time(say, ends_at, extension), runs && counter(scene, ends_at)],
      !runs && [text.revokedAt, revoked_at ? time(say, revoked_at, extension) : text.notRevoked],
    )];
  }

  /** What to do where an extension was asked for, and no answer came. */
  unsure({ lang }: Speech): string { return TEXTS[lang].unsure; }

  /** That the terms are others than those offered before. */
  changed(say: Speech, before: Terms): string[] {
    const text = TEXTS[say.lang];
    return [text.changed, `${text.before}: ${this.#words(say, before)}.`];
  }

  /** 2 сеанса, 8 баз, 7 дней */
  #words(say: Speech, terms: Terms): string {
    return [...this.#tools.both.map((what) => say.count(terms[what], what)), say.duration(terms.duration)].join(', ');
  }

  #gain(say: Speech, terms: Terms): Child {
    const { h, both } = this.#tools;
    return h('ul.gain', both.map((what) => terms[what] > 0 && h('li', `+${say.count(terms[what], what)}`)), h('li.term', say.duration(terms.duration)));
  }

  #facts(...pairs: (Child[] | false)[]): Child {
    const { h } = this.#tools;
    return h('dl.facts', pairs.filter((pair) => !!pair).map(([name, ...value]) => h('div', h('dt', name), h('dd', value))));
  }

  // ---- the history

  async #load(token?: string): Promise<void> {
    const { get, scene, draw, failure, why } = this.#tools, { say } = scene();
    const history = this.#history ??= {};
    if (history.busy) return;
    Object.assign(history, { busy: true, problem: undefined });
    const now = seen(scene());
    this.#tell(say.text.loading);
    draw();
    try {
      const page = await get<Page>(`/extensions?limit=20${token ? `&next_token=${encodeURIComponent(token)}` : ''}`);
      if (!token) this.#seen = now;
      const before = token && history.page ? history.page.extensions : [];
      history.page = { ...page, extensions: [...before, ...page.extensions] };
    } catch (error) {
      history.problem = failure(error);
    }
    history.busy = false;
    if (this.#history !== history) return; // closed meanwhile
    if (history.problem) this.#tell(why(scene().say, history.problem).join('. '));
    else if (this.#status.textContent === scene().say.text.loading) this.#tell(''); // a copy may have been told meanwhile
    draw();
  }

  #past({ say, data, now, me }: Scene, { page, problem }: History): Child {
    const { h, button, grid, time } = this.#tools, text = TEXTS[say.lang];
    const again = problem?.passing;
    // What is true when it is pressed, for a button that looks the same stays; from the beginning where the list has changed.
    const more = () => void this.#load(this.#seen === seen(this.#tools.scene()) && this.#history?.page?.next_token || undefined);
    return [
      h('h3', { id: 'past' }, say.text.history),
      page && !page.extensions[0] && h('p.muted', text.none),
      page?.extensions[0] && grid({ 'aria-labelledby': 'past' }, [text.subscription, text.extension, text.until, text.revokedAt], page.extensions.map((past) => {
        const { subscription_id, subscription_number, period_starts_at, terms, granted_at, granted_by, ends_at, revoked_at } = past;
        const row = data?.subscriptions.find(({ id }) => id === subscription_id);
        const runs = Date.parse(ends_at) > now;
        return [
          [h('bdi.name', row?.tariff.name ?? subscription_id), h('p.muted.small', subscription_number && [`${say.text.no} `, h('bdi', subscription_number), ' · '], `${text.period} `, h('time', { datetime: period_starts_at }, say.date(period_starts_at)))],
          [h('p', `+${this.#words(say, terms)}`), h('p.muted.small', time(say, granted_at, past), ' · ', h('bdi', granted_by), granted_by === me && ` (${text.you})`)],
          time(say, ends_at, past),
          revoked_at ? time(say, revoked_at, past) : runs ? text.runs : text.notRevoked,
        ];
      })),
      (again ?? page?.next_token) && button('further', 'plain', more, again ? say.text.retry : say.text.more),
    ];
  }

  // ---- the summary

  async #copy(): Promise<void> {
    const { scene, draw, root } = this.#tools, now = scene(), text = TEXTS[now.say.lang];
    this.#summary = this.#lines(now).join('\n');
    let copied = true;
    try {
      await navigator.clipboard.writeText(this.#summary);
    } catch { // not allowed, or the page is not a secure one
      copied = false;
    }
    draw();
    this.#tell(copied ? text.copied : text.byHand);
    if (!copied) (root.getElementById('text') as HTMLTextAreaElement | null)?.select();
  }

  #lines({ say, data, now }: Scene): string[] {
    const { usage, leaves, time, both } = this.#tools, text = TEXTS[say.lang], { text: common } = say;
    if (!data) return [];
    const { account: { id, name, servicing_organization }, limits, subscriptions } = data;
    const { used_at, next_change_at, after_change } = limits;
    const moment = (iso: string, extension?: Extension) => time(say, iso, extension).textContent;
    const contact = Object.values(servicing_organization ?? {}).filter(Boolean).join(', ');
    return [
      `${text.account}: ${[name, id].filter(Boolean).join(', ')}`,
      `${text.asOf} ${moment(new Date(now).toISOString())}`,
      '',
      ...both.map((what) => `${common[what]}: ${allowed(common, limits[what])}${used(usage(say, limits[what]))}${limits[what].over ? `. ${common.noNow[what]}` : ''}`),
      ...used_at ? [`${common.usedAt} ${moment(used_at)}`] : [],
      '',
      ...subscriptions.flatMap(({ tariff, number, extension }) => ('granted_at' in extension
        ? [`«${tariff.name}», ${common.no} ${number}: ${Date.parse(extension.ends_at) > now ? common.active : common.ended} ${moment(extension.ends_at, extension)}`] : [])),
      ...next_change_at && after_change ? [`${say.soon(next_change_at, now)}:`, ...leaves(say, limits).map((line) => `– ${line}`)] : [],
      ...contact ? ['', `${text.contact}: ${contact}`] : [],
    ];
  }
}

/** 2 по тарифу + 2 по расширению; */
function allowed(text: Texts, { base, extra, total }: Limits['sessions']): string {
  return total == null ? '' : `${base ?? 0} ${text.base}${extra ? ` + ${extra} ${text.extra}` : ''}; `;
}

/** Changes whenever the history does, as far as the list tells. */
function seen({ data }: Scene): string {
  return (data?.subscriptions ?? []).map(({ extension }) => ('granted_at' in extension ? [extension.id, extension.revoked_at] : [])).join();
}

/** занято 5 из 9, свободно 4 */
const used = ([lead, sum, rest]: [string, string, string]): string => `${lead ? `${lead} ` : ''}${sum}, ${rest}`;
