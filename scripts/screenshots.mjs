// Takes the pictures in docs/ from a running system: `npm start` in one terminal, `node scripts/screenshots.mjs` in another.
// It makes a dead letter first, by letting the sandbox's shipping be down. Start with HOLDFAST_RETRY_SCALE=0.01, or the eight attempts
// take minutes. HOLDFAST_CHROMIUM says where the browser is (default: /usr/bin/chromium, as Debian installs it).
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

try {
  const system = JSON.parse(await readFile(join(HOME, 'processes.json'), 'utf8'));
  const runId = await makeDeadLetter(system);
  await photographLetters(system.dashboard, runId);
} catch (error) {
  const reason =
    error.code === 'ENOENT' && error.path?.endsWith('processes.json')
      ? `There is no ${error.path}: start the system with npm start, or set HOLDFAST_HOME to its folder.`
      : error.message;
  console.error(reason);
  process.exitCode = 1;
}

/** An order whose label cannot be bought: charged and reserved, then dead. */
async function makeDeadLetter({ api, apiKey, sandbox }) {
  const faults = `${sandbox.url}/_control/faults`;
  for (const operation of ['label', 'find']) {
    const fault = { provider: 'shipping', operation, fault: 'error', status: 503, times: 1000 };
    await ask(faults, { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(fault) });
  }
  try {
    const authorization = `Bearer ${apiKey}`;
    const run = await ask(`${api.url}/v1/orders`, {
      method: 'POST',
      headers: { ...JSON_TYPE, authorization, 'idempotency-key': `picture-${randomUUID()}` },
      body: JSON.stringify(ORDER),
    });
    console.log(`waiting for ${run.id} to die`);
    const giveUpAt = Date.now() + LETTER_WITHIN_MS;
    while (Date.now() < giveUpAt) {
      const { status } = await ask(`${api.url}/v1/runs/${run.id}`, { headers: { authorization } });
      if (status === 'dead') return run.id;
      if (status === 'completed' || status === 'failed') throw new Error(`the run is ${status}, not dead`);
      await delay(200);
    }
    throw new Error('the run did not die in time; start the system with HOLDFAST_RETRY_SCALE=0.01');
  } finally {
    await ask(faults, { method: 'DELETE' });
  }
}

async function photographLetters({ url, user, password }, runId) {
  const browser = await chromium.launch({
    executablePath: env.HOLDFAST_CHROMIUM || '/usr/bin/chromium',
    args: [
      ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'],
      ...['--disable-background-networking', '--disable-component-update', '--disable-sync'],
    ],
  });
  try {
    const page = await browser.newPage({
      viewport: { width: 1280, height: 800 },
      httpCredentials: { username: user, password },
    });
    page.on('pageerror', (error) => console.warn(`the page: ${error.message}`));
    await page.goto(`${url}/queues/queue/dead-letters?status=failed`);
    await page.getByText(runId).first().waitFor();
    await page.getByText('at step "ship"').first().waitFor();
    await page.evaluate(() => document.fonts.ready);
    await mkdir(DOCS, { recursive: true });
    await page.screenshot({ path: join(DOCS, 'bull-board.png') });
    console.log('docs/bull-board.png');
  } finally {
    await browser.close();
  }
}

async function ask(url, options) {
  const response = await fetch(url, { ...options, signal: AbortSignal.timeout(10_000) });
  const text = await response.text();
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}
