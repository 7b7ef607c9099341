/** All that the component says, in both languages. */
import type { components } from './api';

type Schemas = components['schemas'];
/** What an owner can be refused with, by the API's description; plus what the network and the sign-in do. */
type Reason = Schemas['NotAllowed' | 'AlreadyUsed' | 'NotExtendable']['code'] | Schemas['Unavailable']['reason']
  | 'account_not_found' | 'subscription_not_found' | 'offline' | 'unavailable' | 'signed_out' | 'other';
type Forms = Partial<Record<Intl.LDMLPluralRule, string>> & { other: string };

export type What = 'sessions' | 'databases';
export const BOTH: readonly What[] = ['sessions', 'databases'];

const ru = {
  locale: 'ru-RU',
  forms: {
    sessions: { one: 'сеанс', few: 'сеанса', many: 'сеансов', other: 'сеанса' },
    databases: { one: 'база', few: 'базы', many: 'баз', other: 'базы' },
  } as Record<What, Forms>,
  sessions: 'Сеансы', databases: 'Базы', unlimited: 'без ограничений',
  title: 'Подписки на тарифы', loading: 'Загружаем…', more: 'Показать ещё',
  heads: ['Тариф', 'Период', 'Лимиты', 'Расширение'], no: '№', from: 'с', till: 'до',
  kinds: { main: 'основная', add_on: 'тариф-расширение', prolonging: 'продлевающая' } as Record<Schemas['Subscription']['kind'], string>,
  states: { active: 'Действует', future: 'Ещё не началась', finished: 'Завершена' } as Record<Schemas['Subscription']['state'], string>,
  extend: 'Расширить', extending: 'Расширяем…', cancel: 'Отмена', close: 'Закрыть', retry: 'Повторить',
  active: 'Расширена до', used: 'Была расширена до', left: (span: string) => `ещё ${span}`,
  now: 'Доступно сейчас', base: 'по тарифу', extra: 'по расширению',
  extraTill: 'Расширение действует до', changes: 'Лимиты изменятся',
  empty: 'Нет подписок',
  offer: 'Расширение подписки', until: 'Действует до',
  notes: ['Расширить подписку можно один раз за её период.', 'Условия заданы тарифом, изменить их нельзя.', '«Отмена» ничего не расходует.'],
  unsure: 'Ответ не получен. Повторите: дважды подписка не расширится.',
  changed: 'Условия только что изменились. Ничего не оформлено: решите снова.', before: 'Было предложено',
  details: 'Параметры расширения', grantedAt: 'Оформлено', grantedBy: 'Кто оформил', you: 'вы',
  revokedAt: 'Отозвано', notRevoked: 'ещё нет, но в лимитах уже не учтено',
  granted: (name: string, till: string) => `Подписка «${name}» расширена до ${till}.`,
  justNow: 'только что',
  byOther: (who: string, when: string, name: string, till: string) => `Другой владелец (${who}) расширил подписку «${name}» ${when}. Расширение общее и действует до ${till}.`,
  need: 'Нужно больше или надолго?', needNext: 'Дополнительные сеансы и базы или другой тариф оформит обслуживающая организация.',
  refusals: {
    already_used: ['Расширение уже использовано', 'Его можно взять один раз за период подписки. Снова оно появится с новым периодом.'],
    not_active_yet: ['Подписка ещё не началась', 'Расширить её можно будет, когда начнётся её период.'],
    finished: ['Подписка завершена', 'Продлите её: с новым периодом появится и право расширения.'],
    not_main: ['Расширяется только основная подписка', 'Найдите в списке основную подписку.'],
    tariff_not_extendable: ['Тариф не расширяется', 'Поможет другой тариф, дополнительные сеансы или базы.'],
    owner_required: ['Расширить может только владелец', 'Попросите владельца абонента открыть эту страницу.'],
    view_not_allowed: ['Нет доступа к подпискам', 'Их видят владелец и администраторы абонента: обратитесь к ним.'],
    account_not_found: ['Абонент не найден', 'Проверьте, под чьим именем вы вошли, или попросите владельца добавить вас.'],
    subscription_not_found: ['Подписки больше нет', 'Список уже обновлён: закройте окно.'],
    offline: ['Нет связи с сервисом', 'Проверьте подключение и повторите.'],
    unavailable: ['Сервис временно не отвечает', 'Повторите через минуту.'],
    signed_out: ['Вход не подтверждён', 'Войдите в сервис снова и повторите.'],
    other: ['Запрос не принят', 'Обновите страницу или сообщите обслуживающей организации код:'],
  } as Record<Reason, [title: string, next: string]>,
};

export type Texts = typeof ru;

/** What a table has under a name that came from outside; `constructor` is in none. */
export const own = <T>(table: Readonly<Record<string, T>>, name: string): T | undefined => (Object.hasOwn(table, name) ? table[name] : undefined);

const en: Texts = {
  locale: 'en-GB',
  forms: { sessions: { one: 'session', other: 'sessions' }, databases: { one: 'database', other: 'databases' } },
  sessions: 'Sessions', databases: 'Databases', unlimited: 'unlimited',
  title: 'Tariff subscriptions', loading: 'Loading…', more: 'Show more',
  heads: ['Tariff', 'Period', 'Limits', 'Extension'], no: 'No.', from: 'from', till: 'until',
  kinds: { main: 'main', add_on: 'add-on', prolonging: 'prolonging' },
  states: { active: 'Active', future: 'Not started yet', finished: 'Finished' },
  extend: 'Extend', extending: 'Extending…', cancel: 'Cancel', close: 'Close', retry: 'Try again',
  active: 'Extended until', used: 'Was extended until', left: (span) => `${span} left`,
  now: 'Available now', base: 'from the tariff', extra: 'from the extension',
  extraTill: 'The extension lasts until', changes: 'The limits change on',
  empty: 'No subscriptions',
  offer: 'Extend the subscription', until: 'Lasts until',
  notes: ['A subscription can be extended once in its period.', 'The tariff sets the terms; they cannot be changed.', '“Cancel” uses nothing up.'],
  unsure: 'No answer arrived. Try again: it cannot be extended twice.',
  changed: 'The terms have just changed. Nothing was extended: decide again.', before: 'Offered before',
  details: 'The extension', grantedAt: 'Granted', grantedBy: 'By', you: 'you',
  revokedAt: 'Taken back', notRevoked: 'not yet, but no longer in the limits',
  granted: (name, till) => `The subscription “${name}” is extended until ${till}.`,
  justNow: 'just now',
  byOther: (who, when, name, till) => `Another owner (${who}) extended the subscription “${name}” ${when}. It serves everybody until ${till}.`,
  need: 'Need more, or for longer?', needNext: 'Your servicing organisation sells more sessions, databases or another tariff.',
  refusals: {
    already_used: ['The extension is used up', 'It can be taken once in a period of the subscription. The next period brings a new one.'],
    not_active_yet: ['Not started yet', 'It can be extended once its period has begun.'],
    finished: ['The subscription is finished', 'Renew it: a new period brings a new extension.'],
    not_main: ['Only a main subscription can be extended', 'Look for the main subscription in the list.'],
    tariff_not_extendable: ['This tariff has no extension', 'Another tariff, more sessions or databases will help.'],
    owner_required: ['Only an owner can extend', 'Ask an account owner to open this page.'],
    view_not_allowed: ['No access to the subscriptions', 'Account owners and administrators see them: turn to one of them.'],
    account_not_found: ['Account not found', 'Check which user you are signed in as, or ask an owner to add you.'],
    subscription_not_found: ['The subscription is gone', 'The list is already up to date: close this window.'],
    offline: ['No connection to the service', 'Check your connection and try again.'],
    unavailable: ['The service does not answer', 'Try again in a minute.'],
    signed_out: ['Sign-in not confirmed', 'Sign in to the service again and retry.'],
    other: ['The request was not accepted', 'Reload the page, or tell your servicing organisation the code:'],
  },
};

export const TEXTS = { ru, en };

/** Intl names a zone's city in Latin letters only. */
export const CITIES: Record<string, string> = {
  Kaliningrad: 'Калининград', Moscow: 'Москва', Samara: 'Самара', Yekaterinburg: 'Екатеринбург', Omsk: 'Омск', Novosibirsk: 'Новосибирск',
  Krasnoyarsk: 'Красноярск', Irkutsk: 'Иркутск', Yakutsk: 'Якутск', Vladivostok: 'Владивосток', Magadan: 'Магадан', Kamchatka: 'Камчатка',
};
