/** An account's history of extensions, a page at a time. */
import { type Extension, type Past, endedEarly } from '../answers';
import type { Problem } from '../client';
import { type Child, h } from '../dom';
import type { Host } from '../door';
import { button, grid, idle, time } from '../parts';
import { type Scene, why } from '../scene';
import { TEXTS } from './texts';
import { words } from './window';

interface Page { extensions: Past[]; next_token: string | null }
interface Opened { page?: Page; problem?: Problem | undefined; busy?: boolean }

export class History {
  readonly #host: Host;
  readonly #show: (line: string, instead?: string) => void;
  readonly #names = new Map<string, string | null>(); // of those who extended, by extension
  #opened: Opened | null = null;
  #seen = ''; // the list's extensions when the history was last asked for

  constructor(host: Host, show: (line: string, instead?: string) => void) {
    this.#host = host;
    this.#show = show;
  }

  get opened(): boolean { return !!this.#opened; }

  press(): void {
    if (this.#opened) this.#opened = null;
    else void this.#load();
  }

  /** The name of who extended: only the history knows names, so it is asked for the one that is shown. */
  name({ id, granted_by }: Extension): string {
    if (!this.#names.has(id)) {
      this.#names.set(id, null);
      this.#ask().then(this.#host.draw, () => {});
    }
    return this.#names.get(id) ?? granted_by;
  }

  async #ask(token?: string): Promise<Page> {
    const page = await this.#host.get<Page>(`/extensions?limit=20${token ? `&next_token=${encodeURIComponent(token)}` : ''}`);
    for (const { id, granted_by_name } of page.extensions) this.#names.set(id, granted_by_name ?? null);
    return page;
  }

  async #load(token?: string): Promise<void> {
    const { scene, draw, failure } = this.#host, { say } = scene();
    const opened = this.#opened ??= {};
    if (opened.busy) return;
    Object.assign(opened, { busy: true, problem: undefined });
    const now = seen(scene());
    this.#show(say.text.loading);
    draw();
    try {
      const page = await this.#ask(token);
      if (!token) this.#seen = now;
      const before = token && opened.page ? opened.page.extensions : [];
      opened.page = { ...page, extensions: [...before, ...page.extensions] };
    } catch (error) {
      opened.problem = failure(error);
    }
    opened.busy = false;
    if (this.#opened !== opened) return; // closed meanwhile
    if (opened.problem) this.#show(why(scene().say, opened.problem).join('. '));
    else this.#show('', scene().say.text.loading); // what a copy has said meanwhile stays
    draw();
  }

  view(scene: Scene): Child {
    const opened = this.#opened;
    if (!opened) return null;
    if (!opened.problem && this.#seen !== seen(scene)) queueMicrotask(() => void this.#load());
    const { say, data, now, me } = scene, text = TEXTS[say.lang];
    const { page, problem } = opened, again = problem?.passing;
    // What is true when it is pressed, for a button that looks the same stays; from the beginning where the list has changed.
    const more = () => void this.#load(this.#seen === seen(this.#host.scene()) && this.#opened?.page?.next_token || undefined);
    const end = (past: Past): Child => {
      const { revoked_at, ends_at } = past;
      if (endedEarly(past)) return [`${say.text.stopped} `, time(say, revoked_at!, past)];
      return revoked_at ? time(say, revoked_at, past) : Date.parse(ends_at) > now ? idle(say, data, past, now) || text.runs : text.notRevoked;
    };
    return [
      h('h3', { id: 'past' }, say.text.history),
      page && !page.extensions[0] && h('p.muted', text.none),
      page?.extensions[0] && grid({ 'aria-labelledby': 'past' }, [text.subscription, text.extension, text.until, text.revokedAt], page.extensions.map((past) => {
        const { subscription_id, subscription_number, period_starts_at, terms, granted_at, granted_by, granted_by_name } = past;
        const row = data?.subscriptions.find(({ id }) => id === subscription_id);
        return [
          [h('bdi.name', row?.tariff.name ?? subscription_id), h('p.muted.small', subscription_number && [`${say.text.no} `, h('bdi', subscription_number), ' · '], `${text.period} `, h('time', { datetime: period_starts_at }, say.date(period_starts_at)))],
          [h('p', words(say, terms)), h('p.muted.small', time(say, granted_at, past), ' · ', h('bdi', granted_by_name ?? granted_by), granted_by === me && ` (${text.you})`)],
          time(say, past.ends_at, past),
          end(past),
        ];
      })),
      (again ?? page?.next_token) && button('further', 'plain', more, again ? say.text.retry : say.text.more),
    ];
  }
}

/** Changes whenever the history does, as far as the list shows. */
function seen({ data }: Scene): string {
  return (data?.subscriptions ?? []).map(({ extension }) => ('granted_at' in extension ? [extension.id, extension.revoked_at] : [])).join();
}
