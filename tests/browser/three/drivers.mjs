/** Chromium by CDP and Firefox by WebDriver BiDi, with puppeteer-core; WebKitGTK by its WebDriver. All have the same few verbs. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import puppeteer from 'puppeteer-core';

export const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const SIZE = { width: 1280, height: 800 };
const env = { ...process.env, TZ: 'Asia/Tokyo' };

export const launch = (engine, options = {}) => (engine === 'webkit' ? webkit() : puppeteered(engine, options));

async function puppeteered(engine, { forced }) {
  const how = {
    chromium: { executablePath: '/usr/bin/chromium-headless-shell', args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking'] },
    firefox: { browser: 'firefox', executablePath: '/usr/bin/firefox-esr', extraPrefsFirefox: { 'intl.accept_languages': 'en-US', ...forced && { 'browser.display.document_color_use': 2 } } },
  }[engine];
  const browser = await puppeteer.launch({ headless: true, defaultViewport: SIZE, env, ...how });
  const page = await browser.newPage(), trouble = [];
  page.on('pageerror', (error) => trouble.push(String(error)));
  page.on('console', (line) => line.type() === 'error' && trouble.push(line.text()));
  if (engine === 'chromium' && forced) await (await page.createCDPSession()).send('Emulation.setEmulatedMedia', { features: [{ name: 'forced-colors', value: 'active' }] });
  return {
    goto: async (url) => {
      if (engine === 'chromium') await browser.defaultBrowserContext().overridePermissions(new URL(url).origin, ['clipboard-read', 'clipboard-write', 'clipboard-sanitized-write']);
      await page.goto(url);
    },
    run: (code, ...values) => page.evaluate(code, ...values),
    press: (key) => page.keyboard.press(key),
    click: (x, y) => page.mouse.click(x, y),
    trouble: async () => trouble,
    close: () => browser.close(),
  };
}

const KEYS = { Tab: '\uE004', Enter: '\uE007', Escape: '\uE00C' };

async function webkit() {
  const home = mkdtempSync(`${tmpdir()}/webkit-`);
  const port = await new Promise((found) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => found(port));
    });
  });
  const driver = spawn('WebKitWebDriver', ['-p', String(port)], {
    env: { ...env, XDG_CONFIG_HOME: home, XDG_CACHE_HOME: home, XDG_DATA_HOME: home, LIBGL_ALWAYS_SOFTWARE: '1', WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS: '1', NO_AT_BRIDGE: '1' },
    stdio: 'ignore',
  });
  const call = async (method, path, body) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`, { method, signal: AbortSignal.timeout(60_000), ...body && { body: JSON.stringify(body) } });
    const { value } = await answer.json();
    if (!answer.ok) throw new Error(`${path}: ${value.error}: ${value.message}`);
    return value;
  };
  for (const end = Date.now() + 20_000; !await call('GET', '/status').catch(() => Date.now() > end); ) await pause(50);
  const machine = readdirSync('/usr/lib').find((folder) => folder.endsWith('-linux-gnu'));
  const { sessionId } = await call('POST', '/session', { capabilities: { alwaysMatch: { 'webkitgtk:browserOptions': { binary: `/usr/lib/${machine}/webkit2gtk-4.1/MiniBrowser`, args: ['--automation'] } } } });
  const at = `/session/${sessionId}`, act = (action) => call('POST', `${at}/actions`, { actions: [action] });
  const run = async (code, ...values) => {
    const script = `const done = arguments[arguments.length - 1];
      (async () => (${code})(...[...arguments].slice(0, -1)))().then((value) => done({ value }), (error) => done({ error: String(error) }))`;
    const { value, error } = await call('POST', `${at}/execute/async`, { script, args: values });
    if (error) throw new Error(error);
    return value;
  };
  await call('POST', `${at}/timeouts`, { script: 30_000 });
  await call('POST', `${at}/window/rect`, { ...SIZE, x: 0, y: 0 });
  return {
    run,
    goto: async (url) => {
      await call('POST', `${at}/url`, { url });
      await run(() => {
        window.trouble = [];
        for (const type of ['error', 'unhandledrejection', 'securitypolicyviolation']) addEventListener(type, (event) => window.trouble.push(`${type}: ${event.message ?? event.reason ?? event.violatedDirective}`));
      });
    },
    press: (key) => act({ type: 'key', id: 'keys', actions: [{ type: 'keyDown', value: KEYS[key] }, { type: 'keyUp', value: KEYS[key] }] }),
    click: (x, y) => act({ type: 'pointer', id: 'mouse', actions: [{ type: 'pointerMove', x: Math.round(x), y: Math.round(y), duration: 0 }, { type: 'pointerDown', button: 0 }, { type: 'pointerUp', button: 0 }] }),
    trouble: () => run(() => window.trouble ?? []),
    close: async () => {
      await call('DELETE', at).catch(() => {});
      driver.kill();
      rmSync(home, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 }); // The browser's processes end a moment later, and write until then.
    },
  };
}
