import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Processes, readSettings, SAMPLE_ORDER, type System, startSystem } from '@holdfast/local';
import { waitFor } from '@holdfast/testkit';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { startBrowser } from '../apps/dashboard/test/support/browser.ts';

/** What a person breaks with the buttons of `npm start`'s overview, in a real browser. */
const PATIENCE_MS = 90_000;
const home = mkdtempSync(join(tmpdir(), 'holdfast-faults-'));
const VIEWER = { username: 'looker', password: 'only-looking-123' };

let system: System;
let browser: Browser;
let page: Page;
const processes = (): Processes => JSON.parse(readFileSync(join(home, 'processes.json'), 'utf8'));

beforeAll(async () => {
  const settings = readSettings(
    {
      PATH: process.env.PATH,
      HOLDFAST_HOME: home,
      HOLDFAST_CONFIG: fileURLToPath(new URL('../holdfast.config.ts', import.meta.url)),
      ...{ HOLDFAST_REDIS_PORT: '0', HOLDFAST_API_PORT: '0', HOLDFAST_DASHBOARD_PORT: '0' },
      ...{ HOLDFAST_SANDBOX_PORT: '0', HOLDFAST_SMTP_PORT: '0' },
      HOLDFAST_DASHBOARD_VIEWER_USER: VIEWER.username,
      HOLDFAST_DASHBOARD_VIEWER_PASSWORD: VIEWER.password,
    },
    { workers: 2 },
  );
  system = await startSystem(settings, {
    reset: false,
    onEvent: () => {},
    signal: new AbortController().signal,
  });
  browser = await startBrowser();
  const { user, password } = processes().dashboard;
  const context = await browser.newContext({ httpCredentials: { username: user, password } });
  page = await context.newPage();
}, PATIENCE_MS);
afterAll(async () => {
  await browser?.close();
  await system?.stop();
  rmSync(home, { recursive: true, force: true });
}, PATIENCE_MS);

async function order(
  key: string,
  wait = 0,
): Promise<{ id: string; status: string; error?: { code: string } }> {
  const { api, apiKey } = processes();
  const answer = await fetch(`${api.url}/v1/orders`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${apiKey}`,
      'content-type': 'application/json',
      'idempotency-key': key,
      ...(wait > 0 && { prefer: `wait=${wait}` }),
    },
    body: JSON.stringify(SAMPLE_ORDER),
  });
  return (await answer.json()) as { id: string; status: string };
}

async function runOf(id: string): Promise<Record<string, never>> {
  const { api, apiKey } = processes();
  const answer = await fetch(`${api.url}/v1/runs/${id}`, { headers: { authorization: `Bearer ${apiKey}` } });
  return (await answer.json()) as Record<string, never>;
}

/** Presses a button of the panel. @returns what the next page says of it */
async function press(name: string, provider?: string): Promise<string> {
  await page.goto(`${processes().dashboard.url}/`);
  const form = page.locator('#faults form').filter({ hasText: name });
  if (provider) await form.locator('select').selectOption(provider);
  await Promise.all([page.waitForURL(/said=/), form.locator('button').click()]);
  return (await page.locator('main').textContent()) ?? '';
}

it(
  'a reply that is lost is in doubt, and found',
  async () => {
    expect(await press('Lose its next reply', 'payment')).toContain('its reply is lost');
    expect(await page.locator('#faults .pending').textContent()).toContain(
      'payment will lose its next reply',
    );
    const { id, status } = await order('lost', 30);
    expect(status).toBe('completed');
    await page.goto(`${processes().dashboard.url}/runs/${id}`);
    expect(await page.locator('main').textContent()).toMatch(/in doubt/);
    const charges = await fetch(`${processes().sandbox?.url}/_control/ledger?run=${id}`);
    const effects = (await charges.json()) as { operation: string }[];
    expect(effects.filter(({ operation }) => operation === 'charge')).toHaveLength(1);
    await page.goto(`${processes().dashboard.url}/`);
    expect(await page.locator('#faults').textContent()).toContain('Every provider is well.');
  },
  PATIENCE_MS,
);

it(
  'the next card is declined, and no other',
  async () => {
    expect(await press('Decline the next card')).toContain('The next charge is declined');
    expect(await order('declined', 30)).toMatchObject({ status: 'failed', error: { code: 'card_declined' } });
    expect(await order('not-declined', 30)).toMatchObject({ status: 'completed' });
  },
  PATIENCE_MS,
);

it(
  'a provider is down until it is brought back, and the wait for it can be ended',
  async () => {
    expect(await press('Take it down', 'inventory')).toContain('down until you bring it back');
    const { id } = await order('down');
    await waitFor(async () => (await runOf(id)).status === 'suspended', {
      what: 'the run to wait',
      timeoutMs: 30_000,
    });
    await page.goto(`${processes().dashboard.url}/`);
    expect(await page.locator('#faults .pending').textContent()).toContain('inventory is down');
    expect(await press('Bring all back')).toContain('well again');
    await waitFor(
      async () => {
        if ((await runOf(id)).status === 'suspended') await press('Make the next timer due');
        return (await runOf(id)).status === 'completed';
      },
      { what: 'the run to complete', timeoutMs: 60_000 },
    );
  },
  PATIENCE_MS,
);

it(
  'with nothing to end, says so',
  async () => {
    expect(await press('Make the next timer due')).toContain('no run waits for a time');
  },
  PATIENCE_MS,
);

it(
  'a worker is killed, and another stands in its place',
  async () => {
    const before = processes().workers.map(({ pid }) => pid);
    expect(await press('Kill a worker')).toContain('A worker was killed');
    await waitFor(() => processes().workers.some(({ pid }) => !before.includes(pid)), {
      what: 'the worker to be started again',
      timeoutMs: 60_000,
    });
    expect(await order('after', 30)).toMatchObject({ status: 'completed' });
  },
  PATIENCE_MS,
);

it(
  'who only looks sees no buttons, and may not break anything',
  async () => {
    const { url } = processes().dashboard;
    const headers = {
      authorization: `Basic ${Buffer.from(`${VIEWER.username}:${VIEWER.password}`).toString('base64')}`,
    };
    expect(await (await fetch(url, { headers })).text()).not.toContain('Break something');
    const pressed = await fetch(`${url}/faults/kill-worker`, { method: 'POST', headers });
    expect(pressed.status).toBe(403);
  },
  PATIENCE_MS,
);
