/** The state of the component at one moment: the views draw it, the element changes it. */
import type { Extension, List, Offer, Row, Terms } from './answers';
import type { Problem } from './client';
import type { Child } from './dom';
import type { Speech } from './speech';
import { own } from './texts';

/** The window of one subscription: an offer to decide on, or an extension that exists. */
export interface Sheet {
  /** As it was last listed. */
  row: Row;
  extension?: Extension | undefined;
  offer?: Offer | undefined;
  /** The terms that were offered before they changed. */
  before?: Terms | undefined;
  problem?: Problem | undefined;
  busy?: boolean;
  /** The extension was requested, and no answer came. */
  sent?: boolean;
}

export interface Notice { tone: 'good' | 'info' | 'warn'; text: string; of?: string /* the extension that it is about */ }

export type Extra = 'history' | 'summary';

/** The second file's part. */
export interface Extras {
  readonly opened: boolean;
  press(what: Extra, copied?: Promise<boolean>): void;
  summary(): string;
  view(scene: Scene): Child[];
  line(scene: Scene, data: List): Child;
  announcement(scene: Scene, view: Sheet, extension: Extension): string;
  terms(scene: Scene, offer: Offer): Child;
  parameters(scene: Scene, extension: Extension): Child;
  next(say: Speech, problem: Problem): string | undefined;
  unsure(say: Speech): string;
  changed(say: Speech, before: Terms): string[];
}

export interface Scene {
  readonly say: Speech;
  /** The service's clock. */
  readonly now: number;
  /** The signed-in user, where their token says it. */
  readonly me: string | null;
  /** With the limits of now. */
  readonly data: List | null;
  readonly problem: Problem | null;
  readonly notice: Notice | null;
  readonly sheet: Sheet | null;
  /** The second file once it is there, and where history and summary are drawn. */
  readonly extras: Extras | null;
  readonly aside: HTMLElement;
}

/** The buttons and links. */
export interface Acts {
  readonly load: () => void;
  readonly more: () => void;
  readonly extra: (what: Extra) => void;
  readonly open: (id: string) => void;
  readonly confirm: (event: MouseEvent) => void;
  readonly close: () => void;
}

/** A refusal's title, and what to do next. */
export function why({ text: { refusals } }: Speech, problem: Problem): [title: string, next: string] {
  const found: string[] | undefined = own(refusals, problem.code), [title, next] = refusals.other;
  return [found?.[0] ?? title, found?.[1] ?? `${next} ${problem.code}`];
}
