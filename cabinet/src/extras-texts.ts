/** What the second file says, in both languages. A digit stands for what is filled in. */
const en = {
  until: 'Lasts until', changed: 'The terms have just changed. Nothing was extended: decide again.', before: 'Offered before',
  notes: ['A subscription can be extended once in its period.', 'The tariff sets the terms; they cannot be changed.', '“Cancel” uses nothing up.'],
  unsure: 'No answer arrived. Try again: it cannot be extended twice.',
  grantedAt: 'Granted', grantedBy: 'By', you: 'you', revokedAt: 'Taken back', notRevoked: 'not yet, but no longer in the limits',
  granted: 'The subscription “0” is extended until 1.', justNow: 'just now',
  byOther: 'Another owner (0) extended the subscription “2” 1. It serves everybody until 3.',
  subscription: 'Subscription', extension: 'Extension', period: 'period from', none: 'No subscription has been extended yet.', runs: 'still running',
  copied: 'The summary is copied.', byHand: 'It could not be copied. The text is selected: copy it yourself.',
  summary: 'Summary', account: 'Account', asOf: 'Summary as of', contact: 'Servicing organisation',
};

const ru: typeof en = {
  until: 'Действует до', changed: 'Условия только что изменились. Ничего не оформлено: решите снова.', before: 'Было предложено',
  notes: ['Расширить подписку можно один раз за её период.', 'Условия заданы тарифом, изменить их нельзя.', '«Отмена» ничего не расходует.'],
  unsure: 'Ответ не получен. Повторите: дважды подписка не расширится.',
  grantedAt: 'Оформлено', grantedBy: 'Кто оформил', you: 'вы', revokedAt: 'Отозвано', notRevoked: 'ещё нет, но в лимитах уже не учтено',
  granted: 'Подписка «0» расширена до 1.', justNow: 'только что',
  byOther: 'Другой владелец (0) расширил подписку «2» 1. Расширение общее и действует до 3.',
  subscription: 'Подписка', extension: 'Расширение', period: 'период с', none: 'Подписки ещё не расширяли.', runs: 'действует',
  copied: 'Сводка скопирована.', byHand: 'Скопировать не удалось. Текст выделен: скопируйте его сами.',
  summary: 'Сводка', account: 'Абонент', asOf: 'Сводка на', contact: 'Обслуживающая организация',
};

export const TEXTS = { ru, en };
