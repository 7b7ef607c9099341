/** What the component knows at one moment: the views draw it, the element changes it. */
import type { Extension, List, Offer, Problem, Row, Terms } from './client';
import type { Extra, Extras } from './extras';
import type { Speech } from './speech';
import { own } from './texts';

/** The window of one subscription: an offer to decide on, or an extension that exists. */
export interface Sheet {
  /** As it was last listed. */
  row: Row;
  extension?: Extension | undefined;
  offer?: Offer;
  /** What was offered before the terms changed. */
  before?: Terms | undefined;
  problem?: Problem | undefined;
  busy?: boolean;
  /** The extension was asked for, and no answer came. */
  sent?: boolean;
}

export interface Notice { tone: 'good' | 'info' | 'warn'; text: string; of?: string /* the extension that it tells of */ }

export interface Scene {
  readonly say: Speech;
  /** The service's clock. */
  readonly now: number;
  /** The signed-in user, where their token tells. */
  readonly me: string | null;
  readonly data: List | null;
  readonly problem: Problem | null;
  readonly notice: Notice | null;
  readonly sheet: Sheet | null;
  /** The second file once it is there, and where history and summary are drawn. */
  readonly extras: Extras | null;
  readonly aside: HTMLElement;
}

/** What can be pressed. */
export interface Acts {
  readonly load: () => void;
  readonly more: () => void;
  readonly extra: (what: Extra) => void;
  readonly open: (id: string) => void;
  readonly confirm: (event: MouseEvent) => void;
  readonly close: () => void;
}

type AnyExtension = Row['extension'];

/** By the clock, whether or not the API was asked since. */
export function stateOf(extension: AnyExtension, now: number): AnyExtension['state'] {
  return extension.state === 'active' && Date.parse(extension.ends_at) <= now ? 'used' : extension.state;
}

export const granted = (extension: AnyExtension | undefined): extension is Extension => !!extension && 'granted_at' in extension;

/** A refusal's title, and what to do next. */
export function why({ text: { refusals } }: Speech, problem: Problem): [title: string, next: string] {
  const [title, next] = refusals.other;
  return own(refusals, problem.code) ?? [title, `${next} ${problem.code}`];
}
