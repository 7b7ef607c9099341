/** <extending-subscription>: an account's tariff subscriptions, and the window in which an owner extends one. See docs/embedding.md. */
import { type Extended, type List, type Offer, type Row, endOf, granted, limitsAt, stateOf } from './answers';
import { Client, failure, type GetToken, Problem } from './client';
import { copy } from './clipboard';
import { h, update } from './dom';
import { open } from './door';
import { lined } from './limits';
import { news, page } from './page';
import { type Acts, type Extra, type Extras, type Notice, type Scene, type Sheet, why } from './scene';
import { sheet } from './sheet';
import { Speech } from './speech';
import css from './style.css';
import { HOUR, MINUTE, SECOND, afterAnswer, afterFailure, afterInstant } from './when';

const WAKING = ['online', 'focus'];
const STYLE = new CSSStyleSheet();
STYLE.replaceSync(css);

class ExtendingSubscription extends HTMLElement {
  static observedAttributes = ['account-id', 'api', 'lang'];

  #client: Client | null = null;
  #known: Client | null = null; // whose list is shown
  #recognised: Promise<void> | null = null; // while another function is asked whether it speaks for the same user
  #data: List | null = null;
  #pages = 1;
  #problem: Problem | null = null;
  #notice: Notice | null = null;
  #sheet: Sheet | null = null;
  #era = {}; // of one user, account and API: what was asked in a former one is not for this one
  #turn = 0; // answers from before the last change are dropped
  #loading = false;
  #askedAt = 0;
  #failingSince = 0;
  #wanted = false; // somebody has come back to the page
  #luck = 0; // anew for every answer
  #timer = 0;
  #say: Speech | null = null;
  #extras: Extras | null = null;
  #adding = new Set<Extra>(); // pressed, while the second file is still coming; another user or account has another

  #root = this.attachShadow({ mode: 'open' });
  #main = h('div.main', { dir: 'ltr' }); // as both languages are, whatever the page's direction
  #live = h('div.sr', { role: 'status' });
  #heading = h('h2', { id: 'heading', tabindex: -1 });
  #aside = h('div.aside');
  #content = h('div.content');
  #status = h('div.status', { role: 'status' });
  #actions = h('div.actions');
  #dialog = h('dialog.dialog', { 'aria-labelledby': 'heading', dir: 'ltr' }, h('div.sheet', this.#heading, this.#content, this.#status, this.#actions)) as HTMLDialogElement;

  #acts: Acts = {
    load: () => void (this.#loading || this.#load()),
    more: () => {
      this.#pages++;
      void this.#load();
    },
    extra: (what) => void this.#add(what),
    open: (id) => this.#open(id),
    confirm: (event) => {
      if (event.detail > 1) return; // of the double click that opened the window, on a small screen
      if (this.#sheet?.offer) this.#extend();
      else this.#ask();
    },
    close: () => {
      if (!this.#deciding) this.#close();
    },
  };

  constructor() {
    super();
    this.#root.append(this.#main, this.#live, this.#dialog);
    this.#root.adoptedStyleSheets = [STYLE];
    this.#dialog.addEventListener('cancel', (event) => {
      event.preventDefault();
      this.#acts.close(); // at once: `close` comes a frame later, and fingers are quicker
    });
    this.#dialog.addEventListener('close', () => {
      if (this.#dialog.open) return; // it comes late: the next may be open
      if (this.#deciding && this.isConnected) this.#dialog.showModal(); // a second Escape cannot be prevented
      else this.#close();
    });
  }

  get getToken(): GetToken | undefined { return this.#client?.getToken; }
  set getToken(ask: GetToken | null | undefined) {
    this.#client = ask ? new Client(ask) : null;
    if (this.#client && this.#known && this.isConnected) this.#recognised = this.#recognise(this.#client, this.#known);
    else this.#restart();
  }

  refresh(): Promise<void> { return this.#load(); }

  connectedCallback(): void {
    const { getToken } = this;
    if (delete (this as Partial<this>).getToken && getToken !== this.#client?.getToken) this.getToken = getToken; // set before this module had loaded
    else this.#restart();
    for (const type of WAKING) addEventListener(type, this.#wake);
  }

  disconnectedCallback(): void {
    clearTimeout(this.#timer);
    this.#turn++;
    for (const type of WAKING) removeEventListener(type, this.#wake);
  }

  attributeChangedCallback(name: string, before: string | null, after: string | null): void {
    if (before === after) return;
    if (name !== 'lang') this.#restart();
    else if (this.isConnected) {
      this.#notice = null; // in the other language
      this.#render();
    }
  }

  // ---- what is asked of the API

  /** A framework sets a new function at every rendering: where it speaks for the same user nothing is lost. */
  async #recognise(client: Client, known: Client): Promise<void> {
    const same = await client.speaksFor(known);
    if (client !== this.#client) return;
    this.#recognised = null;
    if (same) this.#known = client;
    else this.#restart();
  }

  #restart(): void {
    const open = this.#sheet;
    this.#data = this.#problem = this.#notice = this.#sheet = this.#extras = this.#known = this.#recognised = null;
    this.#era = {};
    this.#adding = new Set();
    this.#pages = 1;
    this.#dialog.close();
    if (this.isConnected) void this.#load();
    if (open && !this.#root.activeElement) this.#focus('title');
  }

  async #load(): Promise<void> {
    const turn = ++this.#turn;
    this.#loading = true;
    this.#render();
    if (!this.#client || !this.#account) return;
    let data: List | null, problem: Problem | null = null;
    try {
      data = await this.#call<List>('GET', '/subscriptions');
      for (let page = 1; page < this.#pages && data.next_token && turn === this.#turn; page++) {
        const more: List = await this.#call('GET', `/subscriptions?next_token=${encodeURIComponent(data.next_token)}`);
        data = { ...more, subscriptions: [...data.subscriptions, ...more.subscriptions] };
      }
    } catch (error) {
      problem = failure(error);
      data = problem.passing ? this.#data : null;
    }
    if (turn !== this.#turn) return;
    this.#askedAt = Date.now();
    if (!this.#problem) this.#failingSince = this.#askedAt;
    this.#data = data;
    this.#known = data && this.#client;
    this.#problem = problem;
    this.#luck = Math.random();
    this.#loading = this.#wanted = false;
    if (!data && this.#sheet) this.#close(); // the user may no longer see what is in it
    else this.#render();
    if (this.#data && lined(this.#data, this.#now)) this.#second().then(() => this.#render(), () => {}); // without it there is no line of time
  }

  #ask(): void {
    void this.#attempt(async (view) => {
      const second = this.#second();
      const unneeded = second.catch(() => {});
      const answer = view.extension ? null : await this.#call<Offer>('GET', `/subscriptions/${view.row.id}/extension-offer`).catch(failure);
      await (answer instanceof Problem && !answer.brought.extension ? unneeded : second);
      if (answer instanceof Problem) throw answer;
      if (answer) view.offer = answer;
    });
  }

  #extend(): void {
    void this.#attempt(async (view, era) => {
      view.sent = true;
      const { created, extension } = await this.#call<Extended>('POST', `/subscriptions/${view.row.id}/extension`, { offer_id: view.offer?.offer_id });
      if (!granted(extension)) throw new Problem('unclear');
      view.sent = false;
      if (era !== this.#era) return;
      view.row.extension = extension;
      this.#notice = { tone: created ? 'good' : 'info', text: this.#extras!.announcement(this.#scene(), view, extension), of: extension.id };
      if (this.#sheet === view) this.#close();
      this.#announce('extension-granted', { subscription_id: view.row.id, created, extension });
      void this.#load();
    });
  }

  /** A request of the window: one at a time; a refusal is shown. */
  async #attempt(request: (view: Sheet, era: object) => Promise<void>): Promise<void> {
    const view = this.#sheet, era = this.#era;
    if (!view || view.busy) return;
    Object.assign(view, { busy: true, problem: undefined, before: undefined });
    this.#render();
    try {
      await request(view, era);
    } catch (error) {
      if (era !== this.#era) return;
      const problem = failure(error);
      const { offer, extension } = problem.brought;
      if (offer) Object.assign(view, { offer, before: view.offer?.terms });
      else view.problem = problem;
      if (!problem.passing) {
        view.sent = false;
        view.extension = extension;
        if (extension) view.row.extension = extension;
        this.#announce('extension-refused', { subscription_id: view.row.id, code: problem.code });
        if (!offer) void this.#load();
      }
    }
    view.busy = false;
    this.#render();
  }

  async #call<Answer>(method: string, path: string, body?: object): Promise<Answer> {
    const era = this.#era;
    await this.#recognised;
    if (era !== this.#era) throw new Problem('unavailable'); // it was for somebody else
    const root = (this.getAttribute('api') ?? '/api').replace(/\/$/, '');
    return this.#client!.call(method, `${root}/accounts/${encodeURIComponent(this.#account!)}${path}`, body);
  }

  /** The second file: the first table does without it. */
  async #second(): Promise<Extras> {
    if (this.#extras) return this.#extras;
    const extras = await open({ root: this.#root, failure, get: (path) => this.#call('GET', path), scene: () => this.#scene(), draw: () => this.#render() });
    return this.#extras ??= extras;
  }

  async #add(what: Extra): Promise<void> {
    const adding = this.#adding;
    if (adding.has(what)) return;
    adding.add(what);
    const second = this.#second();
    const copied = what === 'summary' ? copy(second.then((extras) => extras.summary())) : undefined;
    if (this.#notice?.tone === 'warn') this.#notice = null;
    this.#render();
    const extras = await second.catch(failure);
    adding.delete(what);
    if (adding !== this.#adding) return;
    if (extras instanceof Problem) this.#notice = { tone: 'warn', text: why(this.#scene().say, extras).join('. ') };
    else extras.press(what, copied);
    this.#render();
  }

  #announce(type: string, detail: object): void {
    this.dispatchEvent(new CustomEvent(type, { bubbles: true, composed: true, detail: { account_id: this.#account, ...detail } }));
  }

  get #account(): string | null { return this.getAttribute('account-id'); }

  #row(id: string): Row | undefined { return this.#data?.subscriptions.find((row) => row.id === id); }

  // ---- the window

  #open(id: string): void {
    const row = this.#row(id);
    if (!row) return;
    const extension = granted(row.extension) ? row.extension : undefined;
    this.#notice = null;
    this.#sheet = { row, extension };
    this.#render();
    if (!this.#dialog.open) this.#dialog.showModal();
    this.#heading.focus(); // not by `autofocus`, which a browser blocks in a frame of another origin
    if (!extension || !this.#extras) this.#ask();
    if (extension && !extension.revoked_at && stateOf(extension, this.#now) === 'used') void this.#load();
  }

  /** The extension is requested and not answered yet: nothing else can be done meanwhile. */
  get #deciding(): boolean { return !!this.#sheet?.offer && !!this.#sheet.busy; }

  #close(): void {
    const view = this.#sheet;
    if (!view) return;
    this.#sheet = null;
    this.#dialog.close();
    this.#render();
    this.#focus(`x-${view.row.id}`);
    if (view.sent) void this.#load(); // no answer came: it may have been granted
  }

  #focus(id: string): void {
    const find = (name: string) => this.#root.getElementById(name);
    const same = find(id);
    if (same) same.focus();
    else find(this.#sheet ? 'heading' : 'title')?.focus({ preventScroll: true });
  }

  // ---- time

  get #now(): number { return this.#client?.now ?? Date.now(); }

  /** When what is shown stops being true, by our own clock. */
  #instants(): number[] {
    const { limits: { next_change_at }, subscriptions } = this.#data!;
    const shown = this.#sheet?.extension; // its revocation is shown in the window
    return [next_change_at, shown && !shown.revoked_at && shown.ends_at, ...subscriptions.flatMap(({ state, starts_at, ends_at, next_period, extension }) => [
      state === 'future' && starts_at, state === 'active' && ends_at, next_period?.starts_at, extension.state === 'active' && endOf(extension),
    ])].flatMap((iso) => (iso ? Date.parse(iso) - this.#now + Date.now() : []));
  }

  #askAt(): number {
    const luck = this.#luck, askedAt = this.#askedAt, problem = this.#problem;
    const wanted = this.#wanted ? 0 : Infinity;
    const running = this.#data?.subscriptions.some(({ extension }) => stateOf(extension, this.#now) === 'active') && !document.hidden;
    const at = this.#data ? Math.min(wanted, running ? afterAnswer(askedAt, luck) : wanted, ...this.#instants().map((instant) => afterInstant(instant, askedAt, luck))) : wanted;
    return problem ? Math.max(at, afterFailure(this.#failingSince, problem.retryAt, askedAt, luck)) : at;
  }

  /** Asks again when it is time; else counts down. */
  #tick(): void {
    clearTimeout(this.#timer);
    if (!this.isConnected) return;
    const wait = this.#loading ? HOUR : this.#askAt() - Date.now();
    if (wait <= 0) return void this.#load();
    let pause = Math.min(wait, HOUR);
    for (const [node, left] of this.#counters()) {
      node.textContent = this.#say!.left(left);
      pause = Math.min(pause, left < 6 * MINUTE ? SECOND : MINUTE / 2);
    }
    this.#timer = setTimeout(() => {
      if (this.#counters().some(([, left]) => left <= 0)) this.#render();
      else this.#tick();
    }, pause + 50);
  }

  #counters(): [HTMLElement, number][] {
    return Array.from(this.#root.querySelectorAll<HTMLElement>('[data-until]'), (node) => [node, Date.parse(node.dataset.until!) - this.#now]);
  }

  #wake = ({ type }: Event): void => {
    if (type === 'online' && this.#problem?.code === 'offline') this.#failingSince = this.#askedAt;
    this.#wanted ||= !!this.#problem || Date.now() - this.#askedAt > MINUTE;
    this.#tick();
  };

  // ---- what is drawn

  #scene(): Scene {
    const lang = /^ru/i.test(this.lang || document.documentElement.lang || navigator.language) ? 'ru' : 'en';
    const zone = this.#data?.account.time_zone;
    if (this.#say?.lang !== lang || this.#say.zone !== zone) this.#say = new Speech(lang, zone);
    return {
      say: this.#say, now: this.#now, me: this.#client?.user ?? null,
      data: this.#data && { ...this.#data, limits: limitsAt(this.#data.limits, this.#now) }, problem: this.#problem, notice: this.#notice, sheet: this.#sheet, extras: this.#extras, aside: this.#aside,
    };
  }

  /** An answer that cannot be drawn is none. */
  #render(): void {
    try {
      this.#draw();
    } catch (error) {
      console.error(error);
      const problem = failure(error), view = this.#sheet;
      if (view?.offer) Object.assign(view, { offer: undefined, problem });
      else {
        this.#data = this.#sheet = null;
        this.#problem = problem;
        this.#dialog.close();
      }
      this.#draw();
    }
  }

  #draw(): void {
    const subject = this.#notice?.of; // true as long as a row says so too
    if (subject && !this.#data?.subscriptions.some(({ extension }) => granted(extension) && extension.id === subject && stateOf(extension, this.#now) === 'active')) this.#notice = null;
    const scene = this.#scene();
    const held = this.#root.activeElement;
    this.#main.lang = this.#dialog.lang = scene.say.lang;
    update(this.#aside, this.#extras?.view(scene) ?? (this.#adding.size ? [h('p.muted', { role: 'status' }, scene.say.text.loading)] : []));
    update(this.#main, page(scene, this.#acts));
    const latest = news(scene);
    if (this.#live.textContent !== latest) this.#live.textContent = latest;
    if (scene.sheet) this.#paint(scene, scene.sheet);
    else this.#content.replaceChildren();
    if (held && !this.#root.activeElement) this.#focus(held.id);
    this.#tick();
  }

  #paint(scene: Scene, view: Sheet): void {
    const { extension } = view.row = this.#row(view.row.id) ?? view.row;
    if (granted(extension) && extension.id === view.extension?.id) view.extension = extension;
    const { heading, content, status, warn, actions } = sheet(scene, view, this.#acts);
    this.#heading.textContent = heading;
    update(this.#content, content);
    update(this.#status, status.map((line) => h('p', line)));
    this.#status.classList.toggle('warn', warn);
    update(this.#actions, actions);
  }
}

if (!customElements.get('extending-subscription')) customElements.define('extending-subscription', ExtendingSubscription); // the page may load two copies
