// Takes the pictures in docs/ from a running system: `npm start -- --workers 2` in one terminal, `node scripts/screenshots.mjs` in
// another. It makes what is to be seen first: an order that survives the death of its worker, one that is undone, dead letters while the
// sandbox's shipping is down. Start with HOLDFAST_RETRY_SCALE=0.01, or the eight attempts take minutes. HOLDFAST_CHROMIUM says where the
// browser is (default: /usr/bin/chromium, as Debian installs it).
import { randomUUID } from 'node:crypto';
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import process, { env } from 'node:process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const DOCS = fileURLToPath(new URL('../docs/', import.meta.url));
const HOME = env.HOLDFAST_HOME || '.holdfast';
const LETTER_WITHIN_MS = 5 * 60_000;

const JSON_TYPE = { 'content-type': 'application/json' };
const ORDER = {
  customer: { id: 'cus_1', email: 'ada@example.com', name: 'Ada' },
  items: [{ sku: 'TEE-M', quantity: 2, unitAmount: 1900 }],
  currency: 'usd',
  paymentMethod: 'pm_card_visa',
  shipTo: { name: 'Ada', line1: '1 Main St', city: 'Springfield', postalCode: '12345', country: 'US' },
};

const DESK = { width: 1000, height: 800 };
const PHONE = { width: 360, height: 740 };
const DEAD = 3;

try {
  const { sandbox, workers, dashboard, ...api } = await readSystem();
  const shop = shopOf(api);
  for (let n = 0; n < 8; n += 1) await shop.place(ORDER);
  await shop.end(
    await shop.place({ ...ORDER, items: [{ sku: 'SOLD-OUT-TEE', quantity: 1, unitAmount: 2500 }] }),
  );
  const survivor = await makeSurvivor(shop, sandbox, workers, dashboard);
  const dead = await makeDeadLetters(shop, sandbox);
  await takePictures(dashboard, survivor, dead);
} catch (error) {
  const reason =
    error.code === 'ENOENT' && error.path?.endsWith('processes.json')
      ? `There is no ${error.path}: start the system with npm start, or set HOLDFAST_HOME to its folder.`
      : error.message;
  console.error(reason);
  process.exitCode = 1;
}

async function readSystem() {
  return JSON.parse(await readFile(join(HOME, 'processes.json'), 'utf8'));
}

function shopOf({ api, apiKey }) {
  const authorization = `Bearer ${apiKey}`;
  const read = (id) => ask(`${api.url}/v1/runs/${id}`, { headers: { authorization } });
  return {
    read,
    place: async (order) => {
      const headers = { ...JSON_TYPE, authorization, 'idempotency-key': `order-${randomUUID().slice(0, 8)}` };
      const body = JSON.stringify(order);
      return (await ask(`${api.url}/v1/orders`, { method: 'POST', headers, body })).id;
    },
    end: async (id) => {
      const giveUpAt = Date.now() + LETTER_WITHIN_MS;
      while (Date.now() < giveUpAt) {
        const { status } = await read(id);
        if (['completed', 'failed', 'cancelled', 'dead'].includes(status)) return status;
        await delay(100);
      }
      throw new Error(`${id} did not end in time; start the system with HOLDFAST_RETRY_SCALE=0.01`);
    },
  };
}

/** An order whose worker is killed while it buys the label. Which of the workers has it is not told, so the first one may be wrong. */
async function makeSurvivor(shop, sandbox, workers, dashboard) {
  const slow = { provider: 'shipping', operation: 'label', fault: 'slow', delayMs: 1500, times: 1 };
  for (let tries = 0; tries < 8; tries += 1) {
    await addFault(sandbox, slow);
    const id = await shop.place(ORDER);
    const atLabel = async () => (await shop.read(id)).steps.some(({ name }) => name === 'ship');
    while (!(await atLabel())) await delay(20);
    await delay(400);
    process.kill((await readSystem()).workers[tries % workers.length].pid, 'SIGKILL');
    await shop.end(id);
    const headers = { authorization: basic(dashboard), accept: 'text/html' };
    const page = await (await fetch(`${dashboard.url}/runs/${id}`, { headers })).text();
    if (page.includes('took over')) return id;
    await delay(3_000); // until the one that was killed is back
  }
  throw new Error('no order lost its worker');
}

/** Orders whose label cannot be bought: charged and reserved, then dead. */
async function makeDeadLetters(shop, sandbox) {
  for (const operation of ['label', 'find']) {
    await addFault(sandbox, {
      provider: 'shipping',
      operation,
      fault: 'error',
      status: 503,
      retryAfter: 0,
      times: 1000,
    });
  }
  try {
    const ids = [];
    for (let n = 0; n < DEAD; n += 1) ids.push(await shop.place(ORDER));
    console.log('waiting for orders to die');
    for (const id of ids) await shop.end(id);
    return ids.at(-1);
  } finally {
    await ask(`${sandbox.url}/_control/faults`, { method: 'DELETE' });
  }
}

function addFault(sandbox, fault) {
  const body = JSON.stringify(fault);
  return ask(`${sandbox.url}/_control/faults`, { method: 'POST', headers: JSON_TYPE, body });
}

async function takePictures({ url, user, password }, survivor, dead) {
  const browser = await chromium.launch({
    executablePath: env.HOLDFAST_CHROMIUM || '/usr/bin/chromium',
    args: [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
  });
  await mkdir(DOCS, { recursive: true });
  /** @param look.open the id of what is unfolded first; @param look.full the whole page, not only what is seen first */
  const take = async (
    name,
    path,
    { viewport = DESK, dark = false, open, full = true, ready = 'main' } = {},
  ) => {
    const page = await browser.newPage({
      ...{ viewport, colorScheme: dark ? 'dark' : 'light', deviceScaleFactor: viewport === PHONE ? 2 : 1 },
      httpCredentials: { username: user, password },
    });
    page.on('pageerror', (error) => console.warn(`the page: ${error.message}`));
    await page.goto(url + path);
    await page.locator(ready).first().waitFor();
    if (open) await page.locator(`#${open} > summary`).click();
    await page.evaluate(() => document.fonts.ready);
    // Bull Board draws what a letter says only after it is there
    if (path.startsWith('/queues')) await delay(1_000);
    await page.screenshot({ path: join(DOCS, `${name}.png`), fullPage: full });
    await page.close();
    console.log(`docs/${name}.png`);
  };
  try {
    await take('run-page', `/runs/${survivor}`, { viewport: { width: 1000, height: 752 }, full: false });
    await take('run-page-dark', `/runs/${dead}`, { dark: true, open: 'redrive' });
    await take('run-page-phone', `/runs/${dead}`, { viewport: PHONE, full: false });
    await take('overview', '/', { open: 'redrive-0' });
    await take('overview-dark', '/', { dark: true, full: false });
    await take('overview-phone', '/', { viewport: PHONE, full: false });
    const letters = '/queues/queue/dead-letters?status=failed';
    await take('bull-board', letters, {
      viewport: { width: 1280, height: 800 },
      full: false,
      ready: `text=${dead}`,
    });
  } finally {
    await browser.close();
  }
}

function basic({ user, password }) {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}

async function ask(url, options) {
  const response = await fetch(url, { ...options, signal: AbortSignal.timeout(10_000) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}
