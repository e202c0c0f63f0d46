import {
  hasNginx,
  type ReverseProxy,
  type ReverseProxyOptions,
  startNginx,
  startSmallProxy,
  waitFor,
} from '@holdfast/testkit';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startBrowser } from './support/browser.ts';
import {
  basic,
  type OrderWorker,
  PASSWORD,
  startOrderWorker,
  startTestDashboard,
  type TestDashboard,
  USER,
} from './support/test-dashboard.ts';

const PATH = '/ops/holdfast';

let dashboard: TestDashboard;
let worker: OrderWorker;
let browser: Browser;
/** Runs to be redriven, once the worker is mended. */
let died: string[];
beforeAll(async () => {
  [dashboard, browser] = await Promise.all([
    startTestDashboard({ HOLDFAST_BASE_PATH: `${PATH}/`, HOLDFAST_TRUSTED_PROXIES: '127.0.0.1' }),
    startBrowser(),
  ]);
  worker = startOrderWorker(dashboard.redis.url);
  died = await Promise.all(PROXIES.map((_, n) => worker.submit(`dies-${n}`)));
  for (const runId of died)
    await waitFor(async () => (await worker.statusOf(runId)) === 'dead', { what: 'a death' });
});
afterAll(async () => {
  await browser.close();
  await worker.stop();
  await dashboard.stop();
});

const KINDS: readonly [string, boolean, (options: ReverseProxyOptions) => Promise<ReverseProxy>][] = [
  ['a small proxy', true, startSmallProxy],
  ['nginx', hasNginx, startNginx],
];

// nginx is not part of the set-up: its cases run where it is installed, those of the small proxy everywhere
const PROXIES = KINDS.flatMap(([name, isHere, start]) =>
  [true, false].map((strips) => ({ name, isHere, start, strips, how: strips ? 'strips' : 'keeps' })),
);

describe.each(PROXIES)('behind $name that $how the path', ({ isHere, start, strips }) => {
  let proxy: ReverseProxy;
  beforeAll(async () => {
    if (isHere) proxy = await start({ target: dashboard.url, path: PATH, strips });
  });
  afterAll(() => proxy?.stop());

  test.skipIf(!isHere)('every address of every page is below it and leads somewhere', async () => {
    const runId = await worker.submit(`addresses-${strips}-${proxy.url}`);
    await waitFor(async () => (await worker.statusOf(runId)) === 'dead', { what: 'a death' });
    const pages = ['/', '/runs', '/runs?status=dead', `/runs/${runId}`, '/nope'];
    const found = new Set<string>();
    for (const path of pages) {
      const headers = { accept: 'text/html' };
      const { text } = await dashboard.askAt(proxy.url, { path: `${PATH}${path}`, headers });
      for (const [, address = ''] of text.matchAll(/\b(?:href|src|srcset|action|data-events)="(\/[^"]*)"/g))
        found.add(address.replaceAll('&amp;', '&'));
    }
    expect(found.size).toBeGreaterThan(15);
    for (const address of found) expect(address).toMatch(/^\/ops\/holdfast\//);
    const readable = [...found].filter(
      (path) => !/events|logout|\/(redrive|cancel|resolve|rerun)$/.test(path),
    );
    for (const path of readable) {
      const { status } = await dashboard.askAt(proxy.url, { path });
      expect({ path, status }).toEqual({ path, status: 200 });
    }
  });

  test.skipIf(!isHere)('a form leads back below it', async () => {
    const runId = await worker.submit(`form-${strips}-${proxy.url}`);
    await waitFor(async () => (await worker.statusOf(runId)) === 'dead', { what: 'a death' });
    const { status, headers } = await dashboard.askAt(proxy.url, {
      path: `${PATH}/runs/${runId}/redrive`,
      form: {},
      headers: { origin: proxy.url },
    });
    expect(status).toBe(303);
    expect(headers.location).toBe(`${PATH}/runs/${runId}?said=redriven`);
  });
});

describe.each(PROXIES)('behind $name that $how the path', ({ isHere, start, strips }) => {
  let proxy: ReverseProxy;
  beforeAll(async () => {
    if (isHere) proxy = await start({ target: dashboard.url, path: PATH, strips });
  });
  afterAll(() => proxy?.stop());

  test.skipIf(!isHere)('a browser logs in, sees the board, sends forms and hears of changes', async () => {
    const runId = died.shift() ?? '';
    const complaints: string[] = [];
    const page = await browser.newPage({ httpCredentials: { username: USER, password: PASSWORD } });
    page.setDefaultTimeout(8_000);
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    try {
      await page.goto(`${proxy.url}${PATH}/queues/queue/dead-letters/${runId}.d1?status=failed`);
      await page.getByText(runId).first().waitFor();
      await page.getByRole('link', { name: 'Back to the overview' }).click();
      await page.waitForURL(`${proxy.url}${PATH}/`);

      const events = page.waitForRequest((request) => request.url().includes(`${runId}/events`));
      await page.goto(`${proxy.url}${PATH}/runs/${runId}`);
      expect(new URL((await events).url()).pathname).toBe(`${PATH}/runs/${runId}/events`);
      worker.mend();
      await page.locator('#redrive summary').click();
      await page.getByRole('button', { name: 'Redrive' }).click();
      await page.waitForURL(`${proxy.url}${PATH}/runs/${runId}?said=*`);
      // the page hears of it by itself
      await page.locator('.status.s-completed').first().waitFor();
      expect(complaints).toEqual([]);
    } finally {
      await page.close();
    }
  });
});

test('without a proxy it answers at the root as well, for health checks', async () => {
  expect((await dashboard.ask({ path: '/readyz' })).status).toBe(200);
  expect((await dashboard.ask({ path: `${PATH}/readyz` })).status).toBe(200);
  expect((await dashboard.ask({ path: `${PATH}x/readyz` })).status).toBe(404);
});

test('lockouts go by the client that a trusted proxy names, and by nobody else', async () => {
  const guess = (from: string, client: string) =>
    dashboard.ask({
      path: '/runs',
      from,
      headers: { authorization: basic(USER, 'wrong'), 'x-forwarded-for': client },
    });
  await Promise.all(Array.from({ length: 10 }, () => guess('127.0.0.1', '203.0.113.7')));
  expect((await guess('127.0.0.1', '203.0.113.7')).status).toBe(429);
  expect((await guess('127.0.0.1', '203.0.113.8')).status).toBe(401);
  // who is no proxy of ours names other clients in vain
  await Promise.all(Array.from({ length: 10 }, (_, n) => guess('127.0.0.2', `203.0.113.${20 + n}`)));
  expect((await guess('127.0.0.2', '203.0.113.99')).status).toBe(429);
});
