/** All that the component says, in English: the model for other languages. A digit stands for what is filled in. */
import type { components } from './api';
import type { What } from './texts';

type Schemas = components['schemas'];
/** What an owner can be refused with, by the API's description; plus what the network and the sign-in do. */
type Reason = Schemas['NotAllowed' | 'AlreadyUsed' | 'NotExtendable']['code'] | Schemas['Unavailable']['reason']
  | 'account_not_found' | 'subscription_not_found' | 'offline' | 'unavailable' | 'signed_out' | 'other';
export type Forms = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };

export const en = {
  cities: 'Kaliningrad Moscow Samara Yekaterinburg Omsk Novosibirsk Krasnoyarsk Irkutsk Yakutsk Vladivostok Magadan Kamchatka',
  forms: { sessions: { one: 'session', few: 'sessions', other: 'sessions' }, databases: { one: 'database', few: 'databases', other: 'databases' } } as Record<What, Forms>,
  sessions: 'Sessions', databases: 'Databases', unlimited: 'unlimited',
  title: 'Tariff subscriptions', loading: 'Loading…', more: 'Show more',
  heads: ['Tariff', 'Period', 'Limits', 'Extension'], no: 'No.', from: 'from', till: 'until',
  kinds: { main: 'main', add_on: 'add-on', prolonging: 'prolonging' } as Record<Schemas['Subscription']['kind'], string>,
  states: { active: 'Active', future: 'Not started yet', finished: 'Finished' } as Record<Schemas['Subscription']['state'], string>,
  extend: 'Extend', extending: 'Extending…', cancel: 'Cancel', close: 'Close', retry: 'Try again',
  active: 'Extended until', ended: 'Was extended until', left: '0 left',
  now: 'Available now', base: 'from the tariff', extra: 'from the extension',
  used: 'in use', of: 'of', full: 'none free', unknown: 'usage unknown', usedAt: 'Usage as of',
  free: '0 free', over: '0 over the limit',
  edges: ['Now', 'Start of the extension', 'End of the extension', 'End of the subscription', 'Start of the subscription', 'Limits change'],
  remains: { one: '0 remains', few: '0 remain', other: '0 remain' } as Forms, grows: '0 from then on',
  noNow: {
    sessions: 'No new ones can start until fewer are in use than the limit; those open go on.',
    databases: 'No new ones can be made until fewer are in use than the limit; the data stay.',
  },
  noNew: { sessions: 'no new ones can start, those open go on', databases: 'no new ones can be made, the data stay' },
  history: 'History of extensions', summary: 'Copy a summary',
  empty: 'No subscriptions',
  offer: 'Extend the subscription', details: 'The extension',
  need: 'Need more, or for longer?', needNext: 'Your servicing organisation sells sessions, databases and other tariffs.',
  refusals: {
    already_used: ['The extension is used up', 'The next period of the subscription brings a new one.'],
    not_active_yet: ['Not started yet', 'It can be extended once its period has begun.'],
    finished: ['The subscription is finished', 'Renew it: a new period brings a new extension.'],
    not_main: ['Only a main subscription can be extended', 'Look for the main subscription in the list.'],
    tariff_not_extendable: ['This tariff has no extension', 'Another tariff, more sessions or databases will help.'],
    owner_required: ['Only an owner can extend', 'Ask an account owner to open this page.'],
    view_not_allowed: ['No access to the subscriptions', 'Account owners and administrators see them.'],
    account_not_found: ['Account not found', 'Sign in as somebody else, or ask an owner to add you.'],
    subscription_not_found: ['The subscription is gone', 'The list is up to date: close this window.'],
    offline: ['No connection to the service', 'Check your connection and try again.'],
    unavailable: ['The service does not answer', 'Try again in a minute.'],
    signed_out: ['Sign-in not confirmed', 'Sign in to the service again and retry.'],
    other: ['The request was not accepted', 'Reload the page, or tell your servicing organisation the code:'],
  } as Record<Reason, [title: string, next: string]>,
};
