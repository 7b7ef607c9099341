/** The second file: contents of the window, the line of time, an account's history of extensions, and a summary as text. */
import type { Extension, List, Offer, Terms } from '../answers';
import type { Problem } from '../client';
import { type Child, h } from '../dom';
import type { Host } from '../door';
import type { Extra, Extras as Promised, Scene, Sheet } from '../scene';
import type { Speech } from '../speech';
import { own } from '../texts';
import { History } from './history';
import { line } from './line';
import css from './style.css';
import { summary } from './summary';
import { TEXTS } from './texts';
import { announcement, changed, parameters, terms } from './window';

const STYLE = new CSSStyleSheet();
STYLE.replaceSync(css);

export class Extras implements Promised {
  readonly #host: Host;
  readonly #status: HTMLElement;
  readonly #history: History;
  #summary = '';
  #lang: string;

  constructor(host: Host) {
    this.#host = host;
    this.#lang = host.scene().say.lang;
    this.#status = h('div', { role: 'status' });
    this.#history = new History(host, (line, instead) => this.#show(line, instead));
    const { root } = host;
    if (!root.adoptedStyleSheets.includes(STYLE)) root.adoptedStyleSheets = [...root.adoptedStyleSheets, STYLE];
  }

  get opened(): boolean { return this.#history.opened; }

  press(what: Extra, copied?: Promise<boolean>): void {
    this.#show('');
    if (what === 'history') this.#history.press();
    else void copied?.then((done) => this.#copied(done));
  }

  view(scene: Scene): Child[] {
    const { say, data } = scene;
    if (this.#lang !== say.lang) { // what was said is in another language
      this.#lang = say.lang;
      this.#summary = '';
      this.#show('');
    }
    return data ? [
      this.#status,
      this.#summary && h('textarea.summary', { id: 'text', readonly: '', rows: this.#summary.split('\n').length + 1, 'aria-label': TEXTS[say.lang].summary }, this.#summary),
      this.#history.view(scene),
    ] : [];
  }

  line(scene: Scene, data: List): Child { return line(scene, data); }

  summary(): string { return this.#summary = summary(this.#host.scene()); }

  #copied(done: boolean): void {
    const text = TEXTS[this.#host.scene().say.lang];
    this.#host.draw();
    this.#show(done ? text.copied : text.byHand);
    if (!done) (this.#host.root.getElementById('text') as HTMLTextAreaElement | null)?.select();
  }

  /** Seen, and read out; in place of a certain line only, or of any. */
  #show(line: string, instead = this.#status.textContent): void {
    if (this.#status.textContent === instead) this.#status.textContent = line;
  }

  announcement(scene: Scene, view: Sheet, extension: Extension): string {
    return announcement(scene, view, extension, extension.granted_by === scene.me ? '' : this.#history.name(extension));
  }

  terms(scene: Scene, offer: Offer): Child { return terms(scene, offer); }

  parameters(scene: Scene, extension: Extension): Child { return parameters(scene, extension, this.#history.name(extension)); }

  /** The next step after a refusal that only a window has. */
  next({ lang }: Speech, { code }: Problem): string | undefined { return own(TEXTS[lang].next as Record<string, string>, code); }

  /** The next step where an extension was requested and no answer came. */
  unsure({ lang }: Speech): string { return TEXTS[lang].unsure; }

  changed(say: Speech, before: Terms): string[] { return changed(say, before); }
}
