/** The first file's texts in English: the model for other languages. A digit stands for what is filled in. */
import type { What } from './answers';
import type { components } from './api';

type Schemas = components['schemas'];
/** Refusals that only a window meets: their next steps are in extras/texts.ts. */
export type Refusal = Schemas['AlreadyUsed' | 'NotExtendable']['code'] | 'subscription_not_found';
/** Refusals of the API's description, and failures of the network, the sign-in and the answer. */
type Reason = Refusal | Schemas['NotAllowed']['code'] | Schemas['Unavailable']['reason'] | 'account_not_found' | 'offline' | 'unavailable' | 'signed_out' | 'unclear' | 'other';
export type Forms = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };

export const en = {
  forms: { sessions: { one: 'session', other: 'sessions' }, databases: { one: 'database', other: 'databases' } } as Record<What, Forms>,
  sessions: 'Sessions', databases: 'Databases', unlimited: 'unlimited',
  title: 'Tariff subscriptions', loading: 'Loading…', more: 'Show more',
  heads: ['Tariff', 'Period', 'Limits', 'Extension'], no: 'No.', from: 'from', till: 'until', open: 'no end', next: 'next period',
  kinds: { main: 'main', add_on: 'add-on', prolonging: 'prolonging' } as Record<Schemas['Subscription']['kind'], string>,
  states: { active: 'Active', future: 'Not started yet', finished: 'Finished' } as Record<Schemas['Subscription']['state'], string>,
  extend: 'Extend', extending: 'Extending…', cancel: 'Cancel', close: 'Close', retry: 'Try again',
  active: 'Extended until', ended: 'Was extended until', stopped: 'Extension ended early,', left: '0 left',
  idle: 'Not in effect now: no subscription is active.',
  now: 'Available now', base: 'from the tariff', extra: 'from the extension',
  used: 'in use', of: '0 of 1', beyond: '0 with a limit of 1', full: 'none free', unknown: 'no usage data', usedAt: 'Usage as of',
  free: '0 free', over: '0 over the limit',
  after: 'After 0',
  becomes: { less: 'The limit drops to 0', more: 'The limit rises to 0', same: 'The limit stays at 0' },
  inUse: { one: '; 0 is in use', other: '; 0 are in use' } as Forms, tooMany: ', 0 too many; ',
  noNew: { sessions: 'no new sessions can start1, those open go on', databases: 'no new ones can be made1, your data is kept' },
  noNow: ' until fewer than the limit are in use', later: '',
  history: 'History of extensions', summary: 'Copy a summary',
  empty: 'No subscriptions',
  offer: 'Extend the subscription', details: 'The extension',
  need: 'Need more, or for good?', needNext: 'To buy sessions or databases or to change to another tariff, contact your servicing organisation.',
  refusals: {
    already_used: ['The extension is already used'],
    not_active_yet: ['The subscription has not started yet'],
    finished: ['The subscription is finished'],
    not_main: ['Only a main subscription can be extended'],
    tariff_not_extendable: ['This tariff offers no extension'],
    owner_required: ['Only an owner can extend', 'Ask an account owner to open this page.'],
    view_not_allowed: ['No access to the subscriptions', 'Account owners and administrators can see them.'],
    account_not_found: ['Account not found', 'Sign in with another user account, or ask an owner to add you.'],
    subscription_not_found: ['The subscription is gone'],
    offline: ['No connection to the service', 'Check your connection and try again.'],
    unavailable: ['The service does not answer', 'Try again in a minute.'],
    signed_out: ['Sign-in not confirmed', 'Sign in to the service again and retry.'],
    unclear: ['The service’s answer was not understood', 'Try again; if that does not help, reload the page.'],
    other: ['The request was not accepted', 'Reload the page, or give your servicing organisation the code:'],
  } as Record<Refusal, [title: string]> & Record<Exclude<Reason, Refusal>, [title: string, next: string]>,
};

export type Texts = typeof en;
