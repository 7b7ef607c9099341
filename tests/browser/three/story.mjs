/** An owner's story in one browser: node story.mjs ENGINE '{"url", "accounts": [{"id", "owner", "lang"}, …]}'. Ends with 1 and says why where it fails. */
import assert from 'node:assert/strict';
import { launch, pause } from './drivers.mjs';

const [engine, given] = process.argv.slice(2), { url, accounts } = JSON.parse(given);
const WORDS = {
  ru: {
    extend: 'Расширить', offer: 'Расширение подписки', details: 'Параметры расширения', copied: 'Сводка скопирована.', you: '(вы)', refused: 'Подписка завершена', next: 'Продлите её',
    until: /^Расширена до \d+ [а-я]+ \d{4} г\., \d\d:\d\d \(Москва\)$/, gain: '+2\u00a0сеанса и +8\u00a0баз на 7 дней', left: 'лимит станет 1\u00a0база',
  },
  en: {
    extend: 'Extend', offer: 'Extend the subscription', details: 'The extension', copied: 'The summary is copied.', you: '(you)', refused: 'The subscription is finished', next: 'Renew it',
    until: /^Extended until \d+ [A-Z][a-z]+ \d{4}, \d\d:\d\d \(Moscow\)$/, gain: '+2\u00a0sessions and +8\u00a0databases for 7 days', left: 'The limit drops to 1\u00a0database',
  },
};

const address = ({ id, owner, lang }) => `${url}/example.html?user=${owner}&account=${id}&lang=${lang}`;

/** What a page in a browser is asked. */
function on(browser) {
  const { run } = browser;
  /** Of the first element of the shadow tree that a selector finds: its text, and where its middle is. */
  const find = (selector) => run((selector) => {
    const found = document.querySelector('extending-subscription')?.shadowRoot.querySelector(selector);
    if (!found || !found.getClientRects().length) return null;
    const { left, top, width, height } = found.getBoundingClientRect();
    return { text: found.textContent, x: left + width / 2, y: top + height / 2, bottom: top + height, room: innerHeight };
  }, selector);
  const until = async (selector, met = () => true) => {
    let found = null;
    for (const end = Date.now() + 45_000; Date.now() < end; await pause(50)) if ((found = await find(selector)) && met(found.text)) return found;
    throw new Error(`waited in vain for ${selector}, which has ${found?.text}`);
  };
  return {
    find, until,
    gone: async (selector) => {
      for (const end = Date.now() + 20_000; await find(selector); await pause(50)) assert(Date.now() < end, `${selector} stays`);
    },
    focused: () => run(() => document.querySelector('extending-subscription').shadowRoot.activeElement?.id),
    click: async (selector) => {
      const { x, y } = await until(selector);
      await browser.click(x, y);
    },
    enter: async (id) => {
      await until(`#${id}`);
      await run((id) => document.querySelector('extending-subscription').shadowRoot.getElementById(id).focus(), id);
      await browser.press('Enter');
    },
    look: (selector, property) => run((selector, property) => getComputedStyle(document.querySelector('extending-subscription').shadowRoot.querySelector(selector))[property], selector, property),
  };
}

async function story(browser, account) {
  const word = WORDS[account.lang], { find, until, gone, focused, click, enter, look } = on(browser);
  await browser.goto(address(account));
  const link = await until('.extend');
  assert(link.bottom <= link.room, 'the link is below the fold');

  // the keyboard: to the link, into the window, and back
  await browser.press('Tab');
  for (let i = 0; i < 5 && !(await focused())?.startsWith('x-'); i++) await browser.press('Tab');
  const id = await focused();
  await browser.press('Enter');
  await until('#confirm');
  assert.equal(await focused(), 'heading');
  assert.equal((await find('#heading')).text, word.offer);
  const offer = (await find('.content')).text;
  for (const text of ['2 → 4', '1 → 9', word.left]) assert(offer.includes(text), `${text} is not in: ${offer}`);
  await browser.press('Escape');
  await gone('#confirm');
  assert.equal(await focused(), id);

  // a refusal, with what to do next
  await browser.run(() => {
    window.real = window.fetch;
    window.fetch = async (address, options) => (String(address).endsWith('/extension-offer') ? new Response('{"code": "finished"}', { status: 409 }) : window.real(address, options));
  });
  await click('.extend');
  await until('#heading', (text) => text === word.refused);
  await until('.content', (text) => text.includes(word.next));
  await browser.run(() => { window.fetch = window.real; });
  await browser.press('Escape');
  await gone('#heading');

  // the mouse: extended, and the parameters
  await click('.extend');
  await click('#confirm');
  await until('.link.active', (text) => word.until.test(text));
  await gone('#heading');
  await until('.line');
  await click('.link.active');
  await until('#heading', (text) => text === word.details);
  await until('.facts');
  await browser.press('Escape');
  await gone('#heading');

  // history and summary
  await enter('history');
  const history = await until('.aside tbody tr');
  for (const text of [word.gain, word.you]) assert(history.text.includes(text), `${text} is not in: ${history.text}`);
  await enter('summary');
  await until('.aside [role=status]', (text) => text === word.copied);

  // dark, where the page is
  const light = await look('table', 'color');
  await browser.run(() => { document.documentElement.style.colorScheme = 'dark'; });
  assert.deepEqual([light, await look('table', 'color')], ['rgb(28, 37, 48)', 'rgb(231, 235, 241)']);

  // as wide as a phone: the component looks at its own width, and WebKit's window is never that narrow
  const [wide, narrow, shape] = await browser.run(() => {
    document.body.style.width = '360px';
    const { shadowRoot } = document.querySelector('extending-subscription');
    const right = Math.max(...[...shadowRoot.querySelectorAll('.main :not(thead, thead *)')].map((one) => one.getBoundingClientRect().right));
    return [right, document.body.getBoundingClientRect().right, getComputedStyle(shadowRoot.querySelector('.main > table tr:last-child')).display];
  });
  assert(wide <= narrow, `something sticks out at 360 px: ${wide} > ${narrow}`);
  assert.equal(shape, 'block');
  assert.deepEqual(await browser.trouble(), []);
}

/** In use is filled, free is not, whatever colours there are; WebKit has no forced colours. */
async function forced(account) {
  const browser = await launch(engine, { forced: true }), { until } = on(browser);
  try {
    await browser.goto(address(account));
    await until('.bar');
    assert(await browser.run(() => matchMedia('(forced-colors: active)').matches));
    const looks = await browser.run(() => [...document.querySelector('extending-subscription').shadowRoot.querySelectorAll('.limit:last-child .bar i')].map((piece) => {
      const { backgroundColor, backgroundImage } = getComputedStyle(piece);
      return backgroundColor + backgroundImage;
    }));
    assert(new Set(looks).size > 1, `the pieces look alike: ${looks}`);
  } finally {
    await browser.close();
  }
}

const browser = await launch(engine);
try {
  for (const account of accounts) await story(browser, account);
} finally {
  await browser.close();
}
if (engine !== 'webkit') await forced(accounts[0]);
