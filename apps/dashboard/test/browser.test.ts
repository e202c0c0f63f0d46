import { waitFor } from '@holdfast/testkit';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { startBrowser } from './support/browser.ts';
import {
  IN_DOUBT,
  type OrderWorker,
  PASSWORD,
  startOrderWorker,
  startTestDashboard,
  type TestDashboard,
  USER,
} from './support/test-dashboard.ts';

let dashboard: TestDashboard;
let worker: OrderWorker;
let browser: Browser;
let page: Page;
/** What the browser complained about: an error of a script, or something that the policy of the page forbids. */
const complaints: string[] = [];

beforeAll(async () => {
  [dashboard, browser] = await Promise.all([startTestDashboard(), startBrowser()]);
  worker = startOrderWorker(dashboard.redis.url);
  page = await openPage({ username: USER, password: PASSWORD });
});
afterAll(async () => {
  await browser.close();
  await worker.stop();
  await dashboard.stop();
});
afterEach(() => expect(complaints.splice(0)).toEqual([]));

async function openPage(
  httpCredentials: { readonly username: string; readonly password: string } | undefined,
  options: { readonly javaScriptEnabled?: boolean; readonly width?: number; readonly dark?: boolean } = {},
): Promise<Page> {
  const { javaScriptEnabled = true, width = 1100, dark = false } = options;
  const opened = await browser.newPage({
    ...{ javaScriptEnabled, viewport: { width, height: 800 }, colorScheme: dark ? 'dark' : 'light' },
    ...(httpCredentials && { httpCredentials }),
  });
  opened.setDefaultTimeout(8_000);
  opened.on('pageerror', (error) => complaints.push(error.message));
  opened.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text());
  });
  return opened;
}

const until = (runId: string, status: string) =>
  waitFor(async () => (await worker.statusOf(runId)) === status, { what: `${runId} to be ${status}` });

test('nobody gets in without the login', async () => {
  const stranger = await openPage(undefined);
  const response = await stranger.goto(dashboard.url).catch(() => undefined);
  expect(response?.status() ?? 401).toBe(401);
  await stranger.close();
  complaints.length = 0; // that it was refused
});

test('a dead order is found from the overview, retried in Bull Board, and completes with one charge; its page follows', async () => {
  const runId = await worker.submit('first');
  await until(runId, 'dead');
  await page.goto(dashboard.url);
  await page
    .getByRole('heading', { name: '1 dead letter waits for a person; nothing is under way' })
    .waitFor();
  await page.locator(`a[href="/runs/${runId}"]`).first().click();
  await page.getByText(/Dead since .* the flow's own code failed at charge/).waitFor();
  expect(await page.locator('.timeline img').evaluate((img: HTMLImageElement) => img.naturalWidth)).toBe(928);

  worker.mend();
  const board = await openPage({ username: USER, password: PASSWORD });
  await board.goto(`${dashboard.url}/queues/queue/dead-letters?status=failed`);
  await board.getByText(runId).first().waitFor();
  await board.getByRole('link', { name: 'Its run' }).waitFor();
  // the button is a picture, whose name shows when it is pointed at
  const retry = board.locator('[class*="jobActions"] button').first();
  await retry.hover();
  await board.getByText('Retry', { exact: true }).waitFor();
  await retry.click();
  await board.getByRole('button', { name: 'Confirm' }).click();
  await until(runId, 'completed');
  expect(worker.charges.get(runId)).toBe(1);
  await board.close();
  complaints.length = 0; // Bull Board's own

  // nobody has touched this page meanwhile
  await page.getByText(/^Completed in .* in spite of 1 failed attempt and 1 redrive/).waitFor();
  await page.getByRole('cell', { name: 'ada by dashboard' }).waitFor();
});

test('what is in doubt is resolved by keyboard alone, and without JavaScript', async () => {
  const plain = await openPage(
    { username: USER, password: PASSWORD },
    { javaScriptEnabled: false, width: 360 },
  );
  const runId = await worker.submit('in doubt', IN_DOUBT);
  await until(runId, 'dead');
  await plain.goto(`${dashboard.url}/runs/${runId}`);
  await plain.getByText('nobody knows whether ship happened').waitFor();
  const tabTo = async (text: string) => {
    for (let presses = 0; presses < 30; presses += 1) {
      await plain.keyboard.press('Tab');
      const focused = plain.locator(':focus');
      if ((await focused.textContent())?.startsWith(text) || (await focused.getAttribute('name')) === text)
        return;
    }
    throw new Error(`the Tab key does not lead to ${text}`);
  };
  await tabTo('Resolve: ship happened');
  await plain.keyboard.press('Enter');
  await tabTo('field.trackingNumber');
  await plain.keyboard.type('TRK-7');
  await tabTo('It happened');
  await plain.keyboard.press('Enter');
  await plain.getByText('Resolved: the run continues').waitFor();
  await until(runId, 'completed');
  expect(worker.charges.get(runId)).toBe(1);
  await plain.close();
});

test('many are redriven at a rate from the overview, which shows how far it is', async () => {
  const runIds = await Promise.all(
    Array.from({ length: 40 }, (_, n) => worker.submit(`many-${n}`, IN_DOUBT)),
  );
  for (const runId of runIds) await until(runId, 'dead');
  await page.goto(dashboard.url);
  await page.getByRole('heading', { name: '40 dead letters wait' }).waitFor();
  await page.getByText('Redrive these…').click();
  await page.getByLabel('Per second').fill('30');
  await page.getByRole('button', { name: 'Redrive them' }).click();
  await page.getByText(/ada redrives order, timeout: \d+ redriven/).waitFor();
  // they die again, each once: nobody has mended shipping
  await page.getByText(/ada redrove order, timeout: 40 redriven, 0 no longer dead/).waitFor();
  for (const runId of runIds) expect(worker.charges.get(runId)).toBe(1);
});

test('what somebody is about to send does not move under their hands', async () => {
  const runId = await worker.submit('typing', IN_DOUBT);
  await until(runId, 'dead');
  await page.goto(`${dashboard.url}/runs/${runId}`);
  await page.getByText('Resolve: ship happened').click();
  await page.getByLabel('trackingNumber').fill('half');
  await dashboard.ask({ path: `/runs/${runId}/redrive`, form: {} });
  await page.getByText('This page is out of date.').waitFor();
  expect(await page.getByLabel('trackingNumber').inputValue()).toBe('half');
});

test('pages fit a phone, stay where they are, weigh little, and can be read in both themes', async () => {
  const runId = await worker.submit('in doubt', IN_DOUBT);
  for (const dark of [false, true]) {
    const phone = await openPage({ username: USER, password: PASSWORD }, { width: 360, dark });
    for (const path of ['/', '/runs', `/runs/${runId}`]) {
      let bytes = 0;
      phone.on('response', async (response) => {
        bytes += (await response.body().catch(() => Buffer.alloc(0))).length;
      });
      await phone.addInitScript(observeShifts);
      await phone.goto(`${dashboard.url}${path}`, { waitUntil: 'load' });
      for (const summary of await phone.locator('summary').all()) await summary.click();
      const seen = await phone.evaluate(lookAt);
      expect({ path, dark, ...seen }).toEqual({
        path,
        dark,
        overflow: 0,
        shift: 0,
        unreadable: [],
        unnamed: [],
      });
      expect(bytes).toBeLessThan(100_000);
    }
    await phone.close();
  }
});

function observeShifts(): void {
  const seen = Object.assign(globalThis, { shift: 0 });
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) {
      const { value, hadRecentInput } = entry as PerformanceEntry & {
        value: number;
        hadRecentInput: boolean;
      };
      if (!hadRecentInput) seen.shift += value;
    }
  }).observe({ type: 'layout-shift', buffered: true });
}

/** Runs in the page: what does not fit, what moved by itself, what cannot be read, what has no name. */
function lookAt() {
  const channels = (colour: string) => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const luminance = (colour: string) => {
    const [r = 0, g = 0, b = 0] = channels(colour).map((value) => {
      const share = value / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element: Element): string => {
    const { backgroundColor } = getComputedStyle(element);
    if (channels(backgroundColor)[3] !== 0) return backgroundColor;
    return element.parentElement ? behind(element.parentElement) : 'rgb(255, 255, 255)';
  };
  const unreadable: string[] = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent?.trim());
    if (!own || element.closest('svg')) continue;
    const [a = 0, b = 0] = [getComputedStyle(element).color, behind(element)]
      .map(luminance)
      .sort((x, y) => y - x);
    const contrast = (a + 0.05) / (b + 0.05);
    if (contrast < 4.5) unreadable.push(`${element.textContent?.trim()}: ${contrast.toFixed(2)}`);
  }
  const unnamed = [...document.querySelectorAll('input:not([type=hidden]), select, textarea, img')]
    .filter((element) => !element.getAttribute('alt') && !(element as HTMLInputElement).labels?.length)
    .map((element) => element.outerHTML);
  return {
    overflow: Math.max(0, document.documentElement.scrollWidth - innerWidth),
    shift: (globalThis as { shift?: number }).shift,
    unreadable,
    unnamed,
  };
}
