/** The second file's texts, in both languages. A digit stands for what is filled in. */
import type { Refusal } from '../en';

const en = {
  until: 'Lasts until', sooner: 'the subscription ends earlier: 0. Renew it, and the extension will work on.',
  changed: 'The terms have just changed. The subscription is not extended: check the new terms and confirm again.', before: 'Offered before',
  notes: ['You can extend once in the period of a subscription.', 'The tariff sets the terms; they cannot be changed.', 'Cancelling does not use up your extension.'],
  unsure: 'No answer arrived. Try again: it cannot be extended twice.',
  grantedAt: 'Granted', grantedBy: 'By', you: 'you', revokedAt: 'Ended', notRevoked: 'over, no longer counted in the limits',
  granted: 'The subscription “0” is extended until 1.', justNow: 'just now',
  byOther: 'Another owner (0) extended the subscription “2” 1. The extension serves everybody until 3.',
  edges: {
    now: 'Now', begins: 'Start of the extension', ends: 'End of the extension', over: 'End of the subscription',
    starts: 'Start of the subscription', next: 'New period of the subscription', change: 'Limits change',
  },
  next: {
    already_used: 'You can extend again in the next period.',
    not_active_yet: 'It can be extended once its period has begun.',
    finished: 'Renew it: it can be extended again in the new period.',
    not_main: 'Look for the main subscription in the list.',
    tariff_not_extendable: 'Another tariff, or more sessions or databases, will help.',
    subscription_not_found: 'The list is up to date: close this window.',
  } as Record<Refusal, string>,
  and: ' and ', gain: '0 for 1',
  subscription: 'Subscription', extension: 'Extension', period: 'period from', none: 'No subscription has been extended yet.', runs: 'still running',
  copied: 'The summary is copied.', byHand: 'It could not be copied. The text is selected: copy it yourself.',
  summary: 'Summary', account: 'Account', asOf: 'Summary as of', contact: 'Servicing organisation',
};

const ru: typeof en = {
  until: 'Действует до', sooner: 'подписка заканчивается раньше: 0. Продлите её, и расширение будет действовать дальше.',
  changed: 'Условия только что изменились. Подписка не расширена. Проверьте новые условия и подтвердите ещё раз.', before: 'Было предложено',
  notes: ['Расширить можно один раз за период действия подписки.', 'Условия заданы тарифом, изменить их нельзя.', 'Если нажать «Отмена», право на расширение сохранится.'],
  unsure: 'Ответ не получен. Повторите: дважды подписка не расширится.',
  grantedAt: 'Оформлено', grantedBy: 'Кто оформил', you: 'вы', revokedAt: 'Завершено', notRevoked: 'срок истёк, в лимитах не учитывается',
  granted: 'Подписка «0» расширена до 1.', justNow: 'только что',
  byOther: 'Другой владелец (0) расширил подписку «2» 1. Расширение общее и действует до 3.',
  edges: {
    now: 'Сейчас', begins: 'Начало расширения', ends: 'Конец расширения', over: 'Конец подписки',
    starts: 'Начало подписки', next: 'Новый период подписки', change: 'Лимиты изменятся',
  },
  next: {
    already_used: 'Снова расширить можно будет в новом периоде.',
    not_active_yet: 'Расширить её можно будет, когда начнётся её период.',
    finished: 'Продлите её: в новом периоде её можно будет расширить снова.',
    not_main: 'Найдите в списке основную подписку.',
    tariff_not_extendable: 'Перейдите на другой тариф или приобретите сеансы и базы.',
    subscription_not_found: 'Список обновлён: закройте окно.',
  },
  and: ' и ', gain: '0 на 1',
  subscription: 'Подписка', extension: 'Расширение', period: 'период с', none: 'Подписки ещё не расширяли.', runs: 'ещё действует',
  copied: 'Сводка скопирована.', byHand: 'Скопировать не удалось. Текст выделен: скопируйте его сами.',
  summary: 'Сводка', account: 'Абонент', asOf: 'Сводка на', contact: 'Обслуживающая организация',
};

export const TEXTS = { ru, en };
