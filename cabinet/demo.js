/** The demo cabinet around the component: who is signed in, the way to the subscriptions, and a bench for events. */

const TEXTS = {
  ru: {
    brand: 'Облако учёта', skip: 'К содержанию', user: 'Пользователь', language: 'Язык', apps: 'Мои приложения', cabinet: 'Личный кабинет',
    app1: 'Бухгалтерия', app1is: 'Учёт и отчётность', app2: 'Зарплата и кадры', app2is: 'Сотрудники и выплаты', app3: 'Торговля', app3is: 'Продажи и склад',
    account: 'Абонент', active: 'Активные подписки', showAll: 'показать все', none: 'Пока ничего.',
    stranger: 'Этот пользователь не подключён ни к одному абоненту. Выберите любого: сервис ответит так, будто такого абонента нет.',
    drawer: 'Для разработчика: события', send: 'Событие от менеджера сервиса', sendIs: 'Так менеджер сервиса сообщает, что изменилось. Образец заполнен по выбранному абоненту.',
    sample: 'Образец', event: 'Событие', sendIt: 'Отправить', sent: 'Принято', out: 'События сервиса', outIs: 'События, которые сервис отправил на шину, а компонент — странице; новые сверху.',
    samples: { terms: 'Новые условия расширения', renew: 'Новый период подписки', finish: 'Подписка завершилась', rename: 'Имя абонента с разметкой', member: 'Ещё один владелец', usage: 'Использование' },
    play: 'Попробовать', playIs: 'Укажите, сколько сеансов и баз занято, и посмотрите, что останется после расширения. Сроки можно сдвинуть: начать новый период подписки выбранного абонента (её снова можно будет расширить) или завершить подписку через минуту. Расширение абонента «Демо» действует две минуты.',
    sessions: 'Занято сеансов', databases: 'Занято баз', apply: 'Применить', applied: 'Применено: кабинет уже показывает изменения', renew: 'Продлить подписку', end: 'Завершить через минуту', waiting: 'Отправляем…', late: 'Принято, но ещё не применено',
    reset: 'Начать демо сначала', done: 'Расширения «Демо» удалены, подписка прежняя: можно расширять снова',
    roles: { owner: 'владелец', administrator: 'администратор', user: 'пользователь', operator: 'оператор', none: 'нет роли' },
  },
  en: {
    brand: 'Accounting cloud', skip: 'To the content', user: 'User', language: 'Language', apps: 'My applications', cabinet: 'My account',
    app1: 'Accounting', app1is: 'Books and reports', app2: 'Payroll', app2is: 'People and payments', app3: 'Trade', app3is: 'Sales and stock',
    account: 'Account', active: 'Active subscriptions', showAll: 'show all', none: 'Nothing yet.',
    stranger: 'This user is a member of no account. Choose any: the service answers as if it did not exist.',
    drawer: 'For developers: events', send: 'An event from the service manager', sendIs: 'The service manager reports a change like this. The sample is filled in for the chosen account.',
    sample: 'Sample', event: 'Event', sendIt: 'Send', sent: 'Accepted', out: 'Events of the service', outIs: 'Events that the service has put on the bus, and those of the component; newest first.',
    samples: { terms: 'New extension terms', renew: 'A new period', finish: 'The subscription has ended', rename: 'An account name full of markup', member: 'One more owner', usage: 'Usage' },
    play: 'Try it', playIs: 'Set how many sessions and databases are in use, and see what remains after the extension. Dates can be moved: start a new period of the chosen account’s subscription (it can then be extended again), or end the subscription in a minute. An extension of the account “Демо” lasts two minutes.',
    sessions: 'Sessions in use', databases: 'Databases in use', apply: 'Apply', applied: 'Applied: the cabinet shows it', renew: 'Renew the subscription', end: 'End it in a minute', waiting: 'Sending…', late: 'Accepted, but not applied yet',
    reset: 'Reset the demo', done: 'The extensions of “Демо” are deleted, its subscription is as it was: extend again',
    roles: { owner: 'owner', administrator: 'administrator', user: 'user', operator: 'operator', none: 'no role' },
  },
};

const VIEWS = ['apps', 'cabinet', 'subscriptions'];
const MINUTE = 60 * 1000, DAY = 24 * 60 * MINUTE;
/** The demo account's subscription as it is seeded. */
const DEMO = {
  account_id: 'A-500', subscription_id: 'S-50', number: '000000510', kind: 'main', parent_id: null, tariff: { id: 'demo', name: 'Демо' },
  starts_at: '2026-01-01T00:00:00Z', ends_at: '2036-01-01T00:00:00Z', limits: { sessions: 2, databases: 1 }, extension_terms: { sessions: 2, databases: 8, duration: 'PT2M' },
};
const byId = (id) => document.getElementById(id);
const component = document.querySelector('extending-subscription');
const wish = new URLSearchParams(location.search);
const announced = []; // DOM events of the component, in the shape of the bus's events
let people = [];
let state = { user: wish.get('user'), account: wish.get('account'), lang: wish.get('lang') ?? (navigator.language.startsWith('ru') ? 'ru' : 'en') };

const text = () => TEXTS[state.lang] ?? TEXTS.en;
const person = () => people.find((one) => one.id === state.user);
const everyAccount = () => [...new Map(people.flatMap((one) => one.accounts).map((account) => [account.id, account])).values()]
  .map(({ id, name }) => ({ id, name, role: 'none' }));
const accounts = () => (person().accounts.length ? person().accounts : everyAccount());

async function token() {
  const response = await fetch(`/token?user=${encodeURIComponent(state.user)}`);
  if (!response.ok) throw new Error(`no token: ${response.status}`);
  return (await response.json()).access_token;
}

function options(select, list, chosen) {
  select.replaceChildren(...list.map(([value, label]) => new Option(label, value, false, value === chosen)));
}

/** Applies what was chosen; the component follows its attributes and its getToken. */
function choose(change) {
  const before = state;
  state = { ...state, ...change };
  if (!person()) state.user = people[0].id;
  if (!accounts().some((account) => account.id === state.account)) state.account = accounts()[0].id;
  history.replaceState(null, '', `?${new URLSearchParams(state)}${location.hash}`);

  document.documentElement.lang = component.lang = state.lang;
  for (const node of document.querySelectorAll('[data-t]')) node.textContent = text()[node.dataset.t];
  for (const node of document.querySelectorAll('[data-t-label]')) node.setAttribute('aria-label', text()[node.dataset.tLabel]);
  for (const button of document.querySelectorAll('[data-lang]')) button.setAttribute('aria-pressed', String(button.dataset.lang === state.lang));
  const role = (account) => text().roles[account.role] ?? account.role;
  options(byId('user'), people.map((one) => [one.id, one.name]), state.user);
  options(byId('account'), accounts().map((account) => [account.id, `${account.name} · ${role(account)}`]), state.account);
  options(byId('sample'), Object.entries(text().samples), byId('sample').value || 'terms');
  byId('name').textContent = `${person().name} · ${person().id}`;
  byId('stranger').hidden = person().accounts.length > 0;
  component.setAttribute('account-id', state.account);
  if (before.user !== state.user && component.getToken) component.getToken = token;
  show();
  if (byId('drawer').open) fill();
}

/** The part of the page that the address asks for. */
function show() {
  const asked = location.hash.slice(1);
  const view = VIEWS.includes(asked) ? asked : 'apps';
  for (const section of document.querySelectorAll('[data-view]')) section.hidden = section.dataset.view !== view;
  if (view === 'subscriptions' && !component.getToken) component.getToken = token; // nothing is asked before the window is opened
  const title = view === 'apps' ? text().apps : text().cabinet;
  document.title = `${title} · ${text().brand}`;
}

// ---- the bench

const exactly = () => new Date().toISOString(); // two in one second: the later one counts
const instant = (time) => `${new Date(time).toISOString().slice(0, 19)}Z`;

/** The subscription that a sample starts from: the account's first one, or one made up where it may not be seen. */
async function subscription() {
  const made = { id: 'S-1', number: '000000001', kind: 'main', tariff: { id: 'basic', name: 'Базовый' }, starts_at: instant(Date.now() - DAY), ends_at: instant(Date.now() + 30 * DAY), limits: { sessions: 2, databases: 1 } };
  try {
    const response = await fetch(`/api/accounts/${state.account}/subscriptions`, { headers: { Authorization: `Bearer ${await token()}` } });
    const rows = (await response.json()).subscriptions;
    return rows.find((row) => row.kind === 'main') ?? made;
  } catch {
    return made;
  }
}

const samples = {
  async terms() {
    return samples.subscription(await subscription(), { extension_terms: { sessions: 3, databases: 5, duration: 'P3D' } });
  },
  async renew() {
    return samples.subscription(await subscription(), { starts_at: instant(Date.now()), ends_at: instant(Date.now() + 30 * DAY) });
  },
  async end() {
    return samples.subscription(await subscription(), { ends_at: instant(Date.now() + MINUTE) });
  },
  async finish() {
    return samples.subscription(await subscription(), { ends_at: instant(Date.now()) });
  },
  rename: () => ({
    detail_type: 'AccountChanged',
    detail: {
      account_id: state.account, name: '<img src=x onerror=alert(1)> & «Ромашка» שלום', time_zone: 'Asia/Vladivostok',
      servicing_organization: { name: '<b>Учёт</b>', city: 'Владивосток', phone: '+7 423 200-00-00', email: 'help@uchet.example', site: 'https://uchet.example' },
      changed_at: instant(Date.now()),
    },
  }),
  member: () => ({ detail_type: 'MemberChanged', detail: { account_id: state.account, user_id: 'U-9', role: 'owner', changed_at: instant(Date.now()) } }),
  usage: () => ({
    detail_type: 'UsageChanged',
    detail: { account_id: state.account, sessions: Number(byId('sessions').value), databases: Number(byId('databases').value), changed_at: exactly() },
  }),
  subscription: ({ id, number, kind, tariff, starts_at, ends_at, limits, extension }, change) => ({
    detail_type: 'SubscriptionChanged',
    detail: {
      account_id: state.account, subscription_id: id, number, kind, parent_id: null, tariff, starts_at, ends_at, limits,
      extension_terms: extension?.reason === 'tariff_not_extendable' ? null : extension?.terms ?? (state.account === DEMO.account_id ? DEMO.extension_terms : { sessions: 2, databases: 8, duration: 'P7D' }), ...change, changed_at: exactly(),
    },
  }),
};

async function fill() {
  byId('sent').textContent = '';
  const chosen = byId('sample').value, sample = await samples[chosen]();
  if (chosen === byId('sample').value) byId('event').value = JSON.stringify(sample, null, 2); // not another's by now
}

async function send() {
  const sent = byId('sent');
  sent.textContent = '…';
  try {
    const body = JSON.stringify(JSON.parse(byId('event').value));
    const response = await fetch('/events', { method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
    sent.textContent = response.ok ? `${text().sent}: ${response.status}` : `${response.status} ${await response.text()}`;
    if (response.ok) setTimeout(() => component.refresh(), 1500); // the bus delivers in its own time
  } catch (error) {
    sent.textContent = error.message;
  }
}

const post = (url, body) => fetch(url, { method: 'POST', ...body && { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) } });

/** Reports a change of the chosen account as the service manager does, and has the cabinet show it once the bus has delivered: when `arrived` holds of the list. */
async function report(event, arrived) {
  const played = byId('played'), { account_id } = event.detail;
  const response = await post('/events', event);
  if (!response.ok) {
    played.textContent = `${response.status} ${await response.text()}`;
    return false;
  }
  for (const end = Date.now() + 40_000; Date.now() < end;) { // a function that was never called starts slowly
    await new Promise((done) => setTimeout(done, 300));
    const list = await fetch(`/api/accounts/${account_id}/subscriptions`, { headers: { Authorization: `Bearer ${await token()}` } });
    if (list.ok && arrived(await list.json())) {
      if (component.getToken) await component.refresh();
      played.textContent = text().applied;
      return true;
    }
  }
  played.textContent = text().late;
  return false;
}

function reportUsage() {
  const event = samples.usage(), { changed_at } = event.detail;
  return report(event, ({ limits }) => Date.parse(limits.used_at) >= Math.floor(Date.parse(changed_at) / 1000) * 1000);
}

/** Time is the service's own: what can be moved is when a subscription begins and ends. */
function reportPeriod(event) {
  const { subscription_id, starts_at, ends_at } = event.detail;
  return report(event, ({ subscriptions }) => subscriptions.some((row) => row.id === subscription_id && row.starts_at === starts_at && row.ends_at === ends_at));
}

/** The story of «Демо» from its beginning, in the browser as in the cloud. */
async function reset() {
  const played = byId('played');
  const response = await post(`/reset?account=${DEMO.account_id}`);
  if (!response.ok) return void (played.textContent = `${response.status} ${await response.text()}`);
  if (people.some((one) => one.id === 'U-7')) choose({ user: 'U-7', account: DEMO.account_id });
  if (await reportPeriod({ detail_type: 'SubscriptionChanged', detail: { ...DEMO, changed_at: exactly() } })) played.textContent = text().done;
}

let drawn = '';

async function watch() {
  if (!byId('drawer').open || document.hidden) return;
  const { events } = await (await fetch('/events')).json();
  const all = [...events, ...announced].sort((a, b) => (a.time < b.time ? 1 : -1)).slice(0, 200);
  const now = JSON.stringify(all);
  if (now === drawn) return;
  drawn = now;
  byId('none').hidden = all.length > 0;
  byId('events').replaceChildren(...all.map(({ detail_type, time, detail }) => {
    const item = document.createElement('li'), more = item.appendChild(document.createElement('details'));
    const line = more.appendChild(document.createElement('summary'));
    line.append(
      Object.assign(document.createElement('b'), { textContent: detail_type }),
      Object.assign(document.createElement('span'), { textContent: `${detail.account_id} · ${detail.subscription_id}` }),
      Object.assign(document.createElement('time'), { textContent: time, dateTime: time }));
    more.append(Object.assign(document.createElement('pre'), { textContent: JSON.stringify(detail, null, 2) }));
    return item;
  }));
}

// ---- start

for (const type of ['extension-granted', 'extension-refused']) {
  component.addEventListener(type, ({ detail }) => announced.push({ detail_type: type, time: instant(Date.now()), detail }));
}
addEventListener('hashchange', () => {
  const known = component.getToken;
  show();
  if (known && location.hash === '#subscriptions') component.refresh();
  scrollTo(0, 0);
  byId('view').focus({ preventScroll: true });
});
document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault(); // the address names the view
  byId('view').focus();
});
byId('user').addEventListener('change', ({ target }) => choose({ user: target.value, account: null }));
byId('account').addEventListener('change', ({ target }) => choose({ account: target.value }));
for (const button of document.querySelectorAll('[data-lang]')) button.addEventListener('click', () => choose({ lang: button.dataset.lang }));
byId('sample').addEventListener('change', fill);
byId('send').addEventListener('click', send);
const play = (doing) => {
  byId('played').textContent = text().waiting; // not what came of the press before
  doing.catch((error) => { byId('played').textContent = error.message; });
};
byId('usage').addEventListener('submit', (event) => {
  event.preventDefault();
  play(reportUsage());
});
for (const id of ['renew', 'end']) byId(id).addEventListener('click', () => play(samples[id]().then(reportPeriod)));
byId('reset').addEventListener('click', () => play(reset()));
const look = () => watch().catch(() => {}); // while the service is away there is nothing to see
byId('drawer').addEventListener('toggle', () => {
  if (byId('drawer').open) fill();
  look();
});
setInterval(look, 2000);

({ people } = await (await fetch('/people')).json());
if (state.user && state.account && !person()) { // somebody of an account that came by events
  people.push({ id: state.user, name: state.user, accounts: [{ id: state.account, name: state.account, role: 'none' }] });
}
choose({});
