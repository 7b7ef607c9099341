/** An account's tariff subscriptions, and the window in which its owner extends one: see docs/embedding.md. */
const TEXTS = {
  ru: {
    locale: 'ru-RU',
    forms: {
      sessions: { one: 'сеанс', few: 'сеанса', many: 'сеансов', other: 'сеанса' },
      databases: { one: 'база', few: 'базы', many: 'баз', other: 'базы' },
    },
    sessions: 'Сеансы', databases: 'Базы', unlimited: 'без ограничений',
    title: 'Подписки на тарифы', loading: 'Загружаем…', more: 'Показать ещё',
    heads: ['Тариф', 'Период', 'Лимиты', 'Расширение'], no: '№', from: 'с', till: 'до',
    kinds: { main: 'основная', add_on: 'тариф-расширение', prolonging: 'продлевающая' },
    states: { active: 'Действует', future: 'Ещё не началась', finished: 'Завершена' },
    extend: 'Расширить', extending: 'Расширяем…', cancel: 'Отмена', close: 'Закрыть', retry: 'Повторить',
    active: 'Расширена до', used: 'Была расширена до', left: (span) => `ещё ${span}`,
    now: 'Доступно сейчас', base: 'по тарифу', extra: 'по расширению',
    extraTill: 'Расширение действует до', changes: 'Лимиты изменятся',
    empty: 'Нет подписок',
    offer: 'Расширение подписки', until: 'Действует до',
    notes: ['Расширить подписку можно один раз за её период.', 'Условия заданы тарифом, изменить их нельзя.', '«Отмена» ничего не расходует.'],
    unsure: 'Ответ не получен. Повторите: дважды подписка не расширится.',
    changed: 'Условия только что изменились. Ничего не оформлено: решите снова.', before: 'Было предложено',
    details: 'Параметры расширения', grantedAt: 'Оформлено', grantedBy: 'Кто оформил', you: 'вы',
    revokedAt: 'Отозвано', notRevoked: 'ещё нет, но в лимитах уже не учтено',
    granted: (name, till) => `Подписка «${name}» расширена до ${till}.`,
    justNow: 'только что',
    byOther: (who, when, name, till) => `Другой владелец (${who}) расширил подписку «${name}» ${when}. Расширение общее и действует до ${till}.`,
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
    },
  },
  en: {
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
  },
};

const CITIES = {
  Kaliningrad: 'Калининград', Moscow: 'Москва', Samara: 'Самара', Yekaterinburg: 'Екатеринбург', Omsk: 'Омск', Novosibirsk: 'Новосибирск',
  Krasnoyarsk: 'Красноярск', Irkutsk: 'Иркутск', Yakutsk: 'Якутск', Vladivostok: 'Владивосток', Magadan: 'Магадан', Kamchatka: 'Камчатка',
};
const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const WAKING = ['online', 'focus'];
const BOTH = ['sessions', 'databases'];
/** Failures that a retry may cure: they take nothing off the screen. */
const PASSING = ['offline', 'unavailable', 'signed_out'];

const problemOf = (code, body = {}) => ({ code, body, passing: PASSING.includes(code), kind: TEXTS.en.refusals[code] ? code : 'other' });

/** h('p.muted', {attribute, listener}, 'text', node…): classes are parts too; strings become text nodes, never markup. */
function h(tag, ...children) {
  const [name, ...classes] = tag.split('.');
  const element = document.createElement(name);
  if (classes[0]) element.className = element.part = classes.join(' ');
  for (const child of children.flat(2)) {
    if (child?.constructor !== Object) element.append(child || '');
    else for (const key in child) element[typeof child[key] === 'function' ? 'addEventListener' : 'setAttribute'](key, child[key]);
  }
  return element;
}

/** Changes only what differs: a refresh must not take the focus, or a button from under a click. */
function update(parent, nodes) {
  nodes = nodes.flat(2).filter(Boolean);
  while (parent.children[nodes.length]) parent.lastChild.remove();
  nodes.forEach((node, i) => {
    const old = parent.children[i];
    if (!old) parent.append(node);
    else if (!old.isEqualNode(node)) old.replaceWith(node);
  });
}

/** All that depends on the language and on the account's time zone. */
function speech(lang, zone) {
  const text = TEXTS[lang];
  const format = (options) => new Intl.DateTimeFormat(text.locale, options);
  let { timeZone } = format().resolvedOptions();
  try {
    if (format({ timeZone: zone })) timeZone = zone ?? timeZone;
  } catch { /* unheard of: the browser's own */ }
  const show = (instant, options) => format({ timeZone, ...options }).format(new Date(instant));
  const city = timeZone.split('/').pop().replaceAll('_', ' ');
  const place = lang === 'ru' && CITIES[city] || city;
  const number = (n) => (n == null ? text.unlimited : n.toLocaleString(text.locale));
  const units = (list) => list.filter(([n]) => n > 0)
    .map(([n, unit]) => Number(n).toLocaleString(text.locale, { style: 'unit', unit, unitDisplay: 'long' })).join(' ');
  return {
    ...text, lang, zone, number,
    count: (n, what) => (n == null ? `${text[what]}: ${text.unlimited}`
      : `${number(n)}\u00a0${text.forms[what][new Intl.PluralRules(text.locale).select(n)]}`),
    date: (instant) => show(instant, { dateStyle: 'medium' }),
    moment: (instant, exact) => `${show(instant, { dateStyle: 'long' })}, ${show(instant, { timeStyle: exact ? 'medium' : 'short' })} (${place})`,
    duration(iso) {
      const [, ...found] = /^P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(iso) ?? [];
      return units(found.map((n, i) => [n, ['week', 'day', 'hour', 'minute', 'second'][i]])) || iso;
    },
    span(ms) {
      const [d, hour, m, s] = [ms / DAY, ms % DAY / HOUR, ms % HOUR / MINUTE, ms % MINUTE / SECOND].map(Math.floor);
      return units(d ? [[d, 'day'], [hour, 'hour']] : hour || m > 4 ? [[hour, 'hour'], [m, 'minute']] : [[m, 'minute'], [s, 'second']])
        || units([[1, 'second']]);
    },
  };
}

/** Only what surely is a phone, a mail address or a web site becomes a link. */
function contact(organization, say) {
  const { name, city, phone, email, site } = organization ?? {};
  const dial = phone?.replace(/[\s().-]/g, '');
  const url = URL.parse?.(/^[\w.-]+\.\w+(\/|$)/.test(site) ? `https://${site}` : site);
  const ways = [
    [phone, /^\+?\d{3,15}$/.test(dial) && `tel:${dial}`],
    [email, /^[\w.+-]+@[\wа-яё.-]+$/i.test(email) && `mailto:${email}`],
    [site, /^https?:$/.test(url?.protocol) && !url.username && url.href],
  ].filter(([value]) => value);
  return h('section.contact', h('h3', say.need), h('p.muted', say.needNext), (name || ways[0]) && h('div.card',
    h('p', h('bdi.name', name ?? ''), name && city && ', ', h('bdi', city ?? '')),
    h('ul.ways', ways.map(([value, href]) => h('li', h('bdi', href ? h('a', { href }, value) : value))))));
}

class ExtendingSubscription extends HTMLElement {
  static observedAttributes = ['account-id', 'api', 'lang'];

  #getToken;
  #token;
  #data;
  #pages = 1;
  #problem;
  #notice;
  #window;
  #turn = 0; // answers from before the last change are dropped
  #loadedAt = Infinity; // while under way
  #skew = 0; // the service's clock minus ours
  #timer;
  #say = {};

  #main = h('div.main');
  #live = h('div.sr', { role: 'status' });
  #heading = h('h2', { id: 'heading', tabindex: -1, autofocus: '' });
  #content = h('div.content');
  #status = h('div.status', { role: 'status' });
  #actions = h('div.actions');
  #dialog = h('dialog.dialog', { 'aria-labelledby': 'heading' }, h('div.sheet', this.#heading, this.#content, this.#status, this.#actions));

  constructor() {
    super();
    this.attachShadow({ mode: 'open' }).append(this.#main, this.#live, this.#dialog);
    this.shadowRoot.adoptedStyleSheets = [STYLE];
    this.#dialog.addEventListener('cancel', (event) => this.#window?.busy && event.preventDefault());
    this.#dialog.addEventListener('close', this.#close);
  }

  get getToken() { return this.#getToken; }
  set getToken(ask) {
    this.#getToken = ask;
    this.#token = null;
    this.#restart();
  }

  refresh() { return this.#load(); }

  connectedCallback() {
    const { getToken } = this;
    if (delete this.getToken && getToken !== this.#getToken) this.getToken = getToken; // set before this module had loaded
    else this.#restart();
    for (const type of WAKING) window.addEventListener(type, this.#wake);
  }

  disconnectedCallback() {
    clearTimeout(this.#timer);
    this.#turn++;
    for (const type of WAKING) window.removeEventListener(type, this.#wake);
  }

  attributeChangedCallback(name, before, after) {
    if (before === after) return;
    if (name !== 'lang') this.#restart();
    else if (this.isConnected) this.#render(this.#notice = null);
  }

  #restart() {
    this.#data = this.#problem = this.#notice = this.#window = null;
    this.#pages = 1;
    this.#dialog.close();
    if (this.isConnected) this.#load();
  }

  async #load() {
    const turn = ++this.#turn;
    this.#loadedAt = Infinity;
    this.#render();
    if (!this.#getToken || !this.#account) return;
    let data, problem = null;
    try {
      for (let page = 0; page < this.#pages && (!page || data.next_token); page++) {
        const more = await this.#call('GET', page ? `?next_token=${encodeURIComponent(data.next_token)}` : '');
        data = { ...more, subscriptions: [...data?.subscriptions ?? [], ...more.subscriptions] };
      }
    } catch (error) {
      problem = error.kind ? error : problemOf('unavailable'); // an answer of another shape
      data = problem.passing ? this.#data : null;
    }
    if (turn !== this.#turn) return;
    this.#data = data;
    this.#problem = problem;
    this.#loadedAt = Date.now();
    this.#render();
  }

  async #call(method, path, body) {
    const url = `${(this.getAttribute('api') ?? '/api').replace(/\/$/, '')}/accounts/${encodeURIComponent(this.#account)}/subscriptions${path}`;
    for (let refresh = false; ; refresh = true) {
      let response;
      try {
        if (refresh || !this.#token) this.#token = await this.#getToken({ refresh });
        response = await fetch(url, {
          method, body: body && JSON.stringify(body), credentials: 'omit', signal: AbortSignal.timeout(30 * SECOND),
          headers: { Authorization: `Bearer ${this.#token}`, ...body && { 'Content-Type': 'application/json' } },
        });
      } catch (error) { // a TypeError: nothing was reached
        throw problemOf(error.name === 'TypeError' ? 'offline' : 'unavailable');
      }
      const { ok, status, headers } = response;
      if (status === 401 && !refresh) continue;
      const skew = Date.parse(headers.get('Date')) - Date.now();
      this.#skew = Math.abs(skew) > 2 * SECOND ? skew : 0;
      const answer = await response.json().catch(() => null);
      if (ok && answer) return answer;
      throw problemOf(status === 401 ? 'signed_out' : ok || status === 429 || status > 499 ? 'unavailable' : answer?.code ?? status, answer ?? {});
    }
  }

  /** Only to say "you": an opaque token is no error. */
  #me() {
    try {
      return JSON.parse(atob(this.#token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/'))).sub;
    } catch {
      return null;
    }
  }

  #announce(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { bubbles: true, composed: true, detail: { account_id: this.#account, ...detail } }));
  }

  get #account() { return this.getAttribute('account-id'); }
  #row(id) { return this.#data?.subscriptions.find((row) => row.id === id); }

  #open(id) {
    this.#notice = null;
    const { extension } = this.#row(id);
    this.#window = { id, account: this.#account, extension: extension.granted_at && extension };
    this.#render();
    if (!extension.granted_at) this.#ask();
    else if (!extension.revoked_at && this.#state(extension) === 'used') this.#load();
  }

  #close = () => {
    const view = this.#window;
    if (!view) return;
    this.#window = null;
    this.#dialog.close();
    this.#render();
    this.#focus(`x-${view.id}`);
  };

  #ask() {
    return this.#attempt(async (view) => { view.offer = await this.#call('GET', `/${view.id}/extension-offer`); });
  }

  #extend() {
    return this.#attempt(async (view) => {
      view.sent = true;
      const { created, extension } = await this.#call('POST', `/${view.id}/extension`, { offer_id: view.offer.offer_id });
      if (view.account !== this.#account) return;
      const row = this.#row(view.id);
      row.extension = extension;
      this.#notice = { tone: created ? 'good' : 'info', text: this.#news(row, extension) };
      if (this.#window === view) this.#close();
      this.#announce('extension-granted', { subscription_id: view.id, created, extension });
      this.#load();
    });
  }

  async #attempt(request) {
    const view = this.#window;
    if (view.busy) return;
    Object.assign(view, { busy: true, problem: null, before: null });
    this.#render();
    try {
      await request(view);
    } catch (problem) {
      if (view.account !== this.#account) return;
      const { offer, extension } = problem.body;
      if (offer) Object.assign(view, { offer, before: view.offer.terms });
      else view.problem = problem;
      if (!problem.passing) {
        const row = this.#row(view.id);
        if (row && extension) row.extension = extension;
        this.#announce('extension-refused', { subscription_id: view.id, code: problem.code });
        if (!offer) this.#load();
      }
    }
    view.busy = false;
    this.#render();
  }

  #now() { return Date.now() + this.#skew; }

  /** By the clock, whether or not the API was asked since. */
  #state({ state, ends_at }) { return state === 'active' && Date.parse(ends_at) <= this.#now() ? 'used' : state; }

  /** To the second in a short extension. */
  #time(iso, { granted_at, ends_at } = {}) {
    return h('time', { datetime: iso }, this.#say.moment(iso, Date.parse(ends_at) - Date.parse(granted_at) < HOUR));
  }

  #counter(iso) { return h('p.muted.small', { 'data-until': iso }, this.#left(iso)); }

  #left(iso) { return this.#say.left(this.#say.span(Date.parse(iso) - this.#now())); }

  /** Asks again when what is shown has stopped being true; else counts down. */
  #tick = () => {
    clearTimeout(this.#timer);
    if (!this.#data || !this.isConnected) return;
    const now = this.#now();
    const pause = (this.#problem ? 30 : 3) * SECOND;
    const waits = [this.#data.limits.next_change_at, ...this.#data.subscriptions.flatMap(({ state, starts_at, ends_at, extension }) => [
      state === 'future' && starts_at, state === 'active' && ends_at, extension.state === 'active' && extension.ends_at,
    ])].filter(Boolean).map((iso) => Date.parse(iso) - now);
    if (Math.min(...waits) <= 0 && Date.now() - this.#loadedAt >= pause) return void this.#load();
    const counters = this.shadowRoot.querySelectorAll('[data-until]');
    for (const node of counters) node.textContent = this.#left(node.dataset.until);
    const nearest = Math.min(HOUR, ...waits.map((wait) => (wait > 0 ? wait : pause)));
    this.#timer = setTimeout(this.#tick, Math.min(nearest, counters[0] ? nearest < 6 * MINUTE ? SECOND : MINUTE / 2 : HOUR) + 50);
  };

  #wake = () => {
    if (this.#problem || Date.now() - this.#loadedAt > MINUTE) this.#load();
    else this.#tick();
  };

  #focus(id) {
    const find = (name) => this.shadowRoot.getElementById(name);
    (find(id) ?? find(this.#window ? 'heading' : 'title')).focus();
  }

  #render() {
    const lang = /^ru/i.test(this.lang || document.documentElement.lang || navigator.language) ? 'ru' : 'en';
    const zone = this.#data?.account.time_zone;
    if (this.#say.lang !== lang || this.#say.zone !== zone) this.#say = speech(lang, zone);
    const held = this.shadowRoot.activeElement?.id;
    this.#main.lang = this.#dialog.lang = lang;
    update(this.#main, this.#page(this.#say));
    if (this.#window) this.#paint(this.#say);
    if (held && !this.shadowRoot.activeElement) this.#focus(held);
    this.#tick();
  }

  #button(id, look, label, click, more) { return h(`button.${look}`, { id, type: 'button', click, ...more }, label); }

  #page(say) {
    const { account, role, subscriptions, next_token } = this.#data ?? {};
    const { kind, passing, body } = this.#problem ?? {};
    const [title, next] = this.#why(this.#problem);
    const retry = passing && this.#button('retry', 'plain', say.retry, () => this.#load());
    const news = this.#notice?.text ?? title ?? (account ? '' : say.loading);
    if (this.#live.textContent !== news) this.#live.textContent = news;
    return [
      h('header', h('h2.heading', { id: 'title', tabindex: -1 }, say.title),
        account && h('p.muted', account.name && [h('bdi', account.name), ' · '], h('bdi', account.id))),
      this.#notice && h(`p.notice.${this.#notice.tone}`, this.#notice.text),
      kind && (account ? h('div.notice.warn', h('p', `${title}. ${next}`), retry)
        : h('div.blank', h('h3', title), h('p', next), retry,
          body.servicing_organization && contact(body.servicing_organization, say))),
      !kind && !account && h('div.blank.muted', say.loading),
      account && [
        role !== 'owner' && h('p.notice.info', say.refusals.owner_required.join('. ')),
        subscriptions[0] ? [this.#limits(say), this.#table(say)] : h('div.blank', h('h3', say.empty)),
        next_token && this.#button('more', 'plain', say.more, () => this.#load(this.#pages++)),
        contact(account.servicing_organization, say),
      ],
    ];
  }

  #limits(say) {
    const { limits, subscriptions } = this.#data;
    const running = subscriptions.map((row) => row.extension).filter((extension) => this.#state(extension) === 'active');
    const only = running.length === 1 && running[0];
    const till = only ? only.ends_at : limits.next_change_at;
    return h('section.limits', { 'aria-labelledby': 'limits' }, h('h3', { id: 'limits' }, say.now),
      h('dl', BOTH.map((what) => {
        const { base, extra, total } = limits[what];
        const bar = [[base, 'i'], [extra, 'i.extra']].map(([size, tag]) => Object.assign(h(tag), { style: `flex-grow: ${size}` }));
        return h('div.card.limit', h('dt', say[what]), h('dd', h('b.total', say.number(total)),
          total != null && extra > 0 && [h('span.muted.small', `${say.number(base)} ${say.base} + `, h('span.extra', `${say.number(extra)} ${say.extra}`)),
            h('span.bar', { 'aria-hidden': true }, bar)]));
      })),
      till && BOTH.some((what) => limits[what].extra) && h('p.muted.small', `${only ? say.extraTill : say.changes} `, this.#time(till, only || {})));
  }

  #table(say) {
    const row = (tag, cells) => h('tr.row', cells.map((cell, i) => (tag === 'th' ? h('th', { scope: 'col' }, cell)
      : h('td.cell', h('span.label', { 'aria-hidden': true }, say.heads[i]), h('div', cell)))));
    const date = (word, iso) => [`${word}\u00a0`, h('time', { datetime: iso }, say.date(iso))];
    return h('table.table', { 'aria-labelledby': 'title' },
      h('thead', row('th', say.heads)),
      h('tbody', this.#data.subscriptions.map((it) => row('td', [
        [h('bdi.name', { id: `n-${it.id}` }, this.#name(it)), h('p.muted.small', ...this.#number(it), ` · ${say.kinds[it.kind] ?? it.kind}`)],
        [...date(say.from, it.starts_at), ' ', ...date(say.till, it.ends_at), h(`p.muted.small.state.${it.state}`, say.states[it.state])],
        BOTH.map((what) => h('p', say.count(it.limits[what], what))),
        this.#extension(it, say),
      ]))));
  }

  #name({ tariff, number, id }) { return tariff?.name ?? number ?? id; }

  #number({ number, id }) { return [`${this.#say.no} `, h('bdi', number ?? id)]; }

  #extension({ id, extension }, say) {
    const state = this.#state(extension);
    const link = (look, ...label) => this.#button(`x-${id}`, `link.${look}`, label, () => this.#open(id), { 'aria-haspopup': 'dialog', 'aria-describedby': `n-${id}` });
    if (state === 'available') return link('extend', say.extend);
    if (state === 'unavailable') {
      const [reason] = say.refusals[extension.reason] ?? say.refusals.other;
      return h('span.none', { title: reason }, h('span.dash', { 'aria-hidden': true }, '—'), h('span.reason', reason));
    }
    return [link(state, `${say[state]} `, this.#time(extension.ends_at, extension)),
      state === 'active' && this.#counter(extension.ends_at)];
  }

  #why(problem) {
    const [title, next] = this.#say.refusals[problem?.kind] ?? [];
    return [title, problem?.kind === 'other' ? `${next} ${problem.code}` : next];
  }

  #news(row, extension) {
    const { granted_by, granted_at, ends_at } = extension;
    const name = `\u2068${this.#name(row)}\u2069`, till = this.#time(ends_at, extension).textContent;
    return granted_by === this.#me() ? this.#say.granted(name, till) : this.#say.byOther(granted_by,
      this.#now() - Date.parse(granted_at) < 2 * MINUTE ? this.#say.justNow : this.#time(granted_at, extension).textContent, name, till);
  }

  #paint(say) {
    const view = this.#window, row = this.#row(view.id) ?? {};
    const { offer, problem, before, busy } = view;
    const refused = problem && !problem.passing && problem;
    if (view.extension && view.extension.id === row.extension?.id) view.extension = row.extension;
    const extension = refused ? problem.body.extension : view.extension;
    const running = extension && this.#state(extension) === 'active';
    const asks = !refused && !extension;
    const [title, next] = this.#why(problem);
    const text = before ? [say.changed, `${say.before}: ${[...BOTH.map((what) => say.count(before[what], what)), say.duration(before.duration)].join(', ')}.`]
      : asks && problem ? [`${title}. ${view.sent ? say.unsure : next}`] : busy && !offer ? [say.loading] : [];
    this.#heading.textContent = asks ? say.offer : !refused || running ? say.details : title;
    update(this.#content, [
      h('p.muted.subject', h('bdi', this.#name(row)), ' · ', ...this.#number(row)),
      refused && h('p', running ? this.#news(row, extension) : next),
      asks && offer ? this.#offer(offer, say) : extension && this.#granted(extension, say),
      refused && contact(problem.body.servicing_organization ?? this.#data?.account.servicing_organization, say),
    ]);
    update(this.#status, text.map((line) => h('p', line)));
    this.#status.classList.toggle('warn', !!(before || problem));
    const off = busy && offer ? { 'aria-disabled': true } : {};
    update(this.#actions, [
      asks && (offer || problem) && this.#button('confirm', 'primary', off['aria-disabled'] ? say.extending : problem ? say.retry : say.extend,
        () => (view.offer ? this.#extend() : this.#ask()), off),
      this.#button('close', 'plain', asks ? say.cancel : say.close, () => off['aria-disabled'] || this.#close(), off),
    ]);
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  #terms(terms, say) {
    return h('ul.gain', BOTH.map((what) => terms[what] > 0 && h('li', `+${say.count(terms[what], what)}`)),
      h('li.term', say.duration(terms.duration)));
  }

  #facts(...pairs) { return h('dl.facts', pairs.filter(Boolean).map(([name, ...value]) => h('div', h('dt', name), h('dd', value)))); }

  #offer({ terms, limits_before, limits_after, ends_at_if_accepted_now }, say) {
    return [this.#terms(terms, say), this.#facts(
      ...BOTH.map((what) => {
        const [a, b] = [limits_before, limits_after].map((limits) => say.number(limits[what].total));
        return [say[what], a === b ? a : [`${a} → `, h('b.extra', b)]];
      }),
      [say.until, this.#time(ends_at_if_accepted_now)],
    ), h('ul.muted.small', say.notes.map((note) => h('li', note)))];
  }

  #granted(extension, say) {
    const { terms, granted_at, granted_by, ends_at, revoked_at } = extension;
    const state = this.#state(extension);
    return [this.#terms(terms, say), this.#facts(
      [say.grantedAt, this.#time(granted_at, extension)],
      [say.grantedBy, h('bdi', granted_by), granted_by === this.#me() && ` (${say.you})`],
      [say[state], this.#time(ends_at, extension), state === 'active' && this.#counter(ends_at)],
      state === 'used' && [say.revokedAt, revoked_at ? this.#time(revoked_at, extension) : say.notRevoked],
    )];
  }
}

const STYLE = new CSSStyleSheet();
STYLE.replaceSync(`
:host {
  --es-text: light-dark(#1c2530, #e7ebf1);
  --es-muted: light-dark(#586475, #a3aebd);
  --es-surface: light-dark(#fff, #171c23);
  --es-soft: light-dark(#f4f6f9, #212833);
  --es-line: light-dark(#dfe4eb, #343e4c);
  --es-accent: light-dark(#1f56c3, #9cbcff);
  --es-on-accent: light-dark(#fff, #0d1b36);
  --es-extra: light-dark(#08724f, #62d5a8);
  --es-warn: light-dark(#a86400, #f0bd6a);
  --es-radius: 12px;
  display: block; container-type: inline-size; color: var(--es-text); line-height: 1.5;
}
:host([hidden]) { display: none }
* { box-sizing: border-box }
h2, h3, p, dl, dd, ul { margin: 0; padding: 0; list-style: none; overflow-wrap: anywhere }
h2 { font-size: 1.5rem; line-height: 1.25 }
h3 { font-size: 1.0625rem }
h2, h3, b, .name, .extend { font-weight: 600 }
.main, .sheet, .content, .blank, .contact, .limits { display: grid; gap: 1.25rem }
.main { gap: 1.75rem }
.contact, .limits { gap: .75rem }
.muted, dt, th, .label, .none, .link.used { color: var(--es-muted) }
.small, th, .label { font-size: .875rem }
.sr, .reason { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
.card, .notice, .status.warn { background: var(--es-soft); border-radius: var(--es-radius); padding: 1rem 1.25rem }
.notice, .status.warn { border-inline-start: 4px solid var(--es-accent) }
.good { border-color: var(--es-extra) }
.warn, .status.warn { border-color: var(--es-warn) }
.blank { justify-items: start; padding: 1.5rem; border: 1px solid var(--es-line); border-radius: var(--es-radius) }
div.notice { display: flex; flex-wrap: wrap; gap: .75rem; align-items: center; justify-content: space-between }

button { font: inherit; color: inherit; cursor: pointer; border-radius: var(--es-radius) }
.plain, .primary { min-height: 2.75rem; padding: .5rem 1.25rem; border: 1px solid var(--es-line); background: var(--es-surface) }
.primary { background: var(--es-accent); border-color: var(--es-accent); color: var(--es-on-accent); font-weight: 600; flex: 1 }
[aria-disabled] { cursor: progress; opacity: .75 }
.link { border: 0; background: none; padding: 0; text-align: start; text-decoration: underline }
.link, a { color: var(--es-accent); text-underline-offset: .25em }
.link:hover, a:hover { text-decoration: none }
.link.active, .extra { color: var(--es-extra) }
:focus-visible { outline: 3px solid var(--es-accent); outline-offset: 2px }
h2:focus { outline: 0 }

.limits dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(15rem, 100%), 1fr)); gap: .75rem }
.limits dd { display: flex; flex-wrap: wrap; align-items: baseline; gap: .25rem .75rem }
.total { font-size: 1.75rem }
.bar { display: flex; gap: 3px; width: 100% }
.bar i { height: 6px; min-width: 6px; border-radius: 3px; background: var(--es-line) }
.bar .extra { background: var(--es-extra) }

table { border-collapse: collapse }
th, td { text-align: start; vertical-align: top; padding: .9rem 1.25rem .9rem 0; border-bottom: 1px solid var(--es-line) }
th { font-weight: 400; padding-top: 0 }
th:last-child, td:last-child { padding-inline-end: 0; width: 34% }
.label { display: none }
td time, td p:not(.small) { white-space: nowrap }
.link time { white-space: normal }
.state::before { content: '●' / ''; margin-inline-end: .4em; font-size: .7em; vertical-align: .15em }
.state.active::before { color: var(--es-extra) }
.state.future::before { content: '○' / '' }
.ways { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin-top: .5rem }

dialog { width: min(32rem, 100vw - 2rem); max-height: calc(100dvh - 2rem); padding: 1.5rem; border: 1px solid var(--es-line); border-radius: var(--es-radius); color: inherit; background: var(--es-surface); box-shadow: 0 1.5rem 4rem #0005 }
dialog::backdrop { background: #0f172a80 }
.subject { margin-top: -1rem }
.gain, .actions { display: flex; flex-wrap: wrap; justify-content: end; gap: .75rem }
.gain li { flex: auto; padding: .7rem; border-radius: var(--es-radius); background: color-mix(in srgb, var(--es-extra) 11%, var(--es-surface)); color: var(--es-extra); font-size: 1.125rem; font-weight: 600; text-align: center }
.gain .term { background: var(--es-soft); color: inherit }
.facts div { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0 1.5rem; padding: .5rem 0 }
.facts div + div { border-top: 1px solid var(--es-line) }
.status:empty { display: none }

@container (max-width: 44rem) {
  table, tbody, tr, td { display: block }
  thead { position: absolute; width: 1px; overflow: hidden; clip-path: inset(50%) }
  tbody tr { border: 1px solid var(--es-line); border-radius: var(--es-radius); padding: .5rem 1rem; margin-bottom: .75rem }
  td, td:last-child { display: flex; flex-wrap: wrap; gap: 0 .75rem; padding: .5rem 0; border: 0; width: auto }
  td > div { flex: 1 1 11rem }
  .label { display: block; width: 6rem; line-height: 1.75 }
  td:first-child .label, .dash { display: none }
  .reason { all: unset }
}
@media (hover: none) {
  .dash { display: none }
  .reason { all: unset }
}
`);

customElements.define('extending-subscription', ExtendingSubscription);
