import { waitFor } from '@holdfast/testkit';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, expect, test } from 'vitest';
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
let runId: string;
beforeAll(async () => {
  dashboard = await startTestDashboard();
  worker = startOrderWorker(dashboard.redis.url);
  browser = await startBrowser();
  const bug = await worker.submit('bug');
  await waitFor(async () => (await worker.statusOf(bug)) === 'dead', { what: 'its death' });
  worker.mend();
  runId = await worker.submit('doubt', IN_DOUBT);
  await waitFor(async () => (await worker.statusOf(runId)) === 'dead', { what: 'its death' });
});
afterAll(async () => {
  await browser.close();
  await worker.stop();
  await dashboard.stop();
});

async function open(path: string, width = 1_100): Promise<Page> {
  const context = await browser.newContext({
    httpCredentials: { username: USER, password: PASSWORD },
    viewport: { width, height: 900 },
  });
  const page = await context.newPage();
  await page.goto(`${dashboard.url}${path}`);
  return page;
}

async function boxes(page: Page, selector: string) {
  const found = await page.locator(selector).all();
  const all = await Promise.all(found.map((each) => each.boundingBox()));
  return all.flatMap((box) => (box ? [box] : []));
}

test.each([
  ['/', 'Overview'],
  ['/runs', 'Runs'],
  ['/runs?status=dead', 'Dead letters'],
])('%s is marked in the navigation as the page that one is on', async (path, name) => {
  const page = await open(path);
  expect(await page.locator('nav a[aria-current="page"]').allTextContents()).toEqual([name]);
  await page.context().close();
});

test.each([1_100, 390])('the counts stand in full rows, at %i px', async (width) => {
  const page = await open('/', width);
  const counts = await boxes(page, '.counts > li');
  const rows = new Map<number, number>();
  for (const { y } of counts) rows.set(Math.round(y), (rows.get(Math.round(y)) ?? 0) + 1);
  expect(counts).toHaveLength(8);
  expect(new Set(rows.values()).size).toBe(1);
  await page.context().close();
});

test('the legend of the chart is apart from its axis', async () => {
  const page = await open('/');
  expect(await page.locator('.chart .axis > span').allTextContents()).toEqual(['60 min ago', 'now']);
  expect(await page.locator('.legend').textContent()).toContain('full height');
  await page.context().close();
});

test.each([1_100, 390])('fields are aligned, and their labels stay with them, at %i px', async (width) => {
  const page = await open('/runs', width);
  const fields = await boxes(page, '.filter select, .filter input, .filter button');
  expect(new Set(fields.map(({ height }) => Math.round(height))).size).toBe(1);
  // ten fields and a button do not fit into one row
  if (width > 700) expect(new Set(fields.map(({ y }) => Math.round(y))).size).toBeLessThanOrEqual(2);
  await page.goto(`${dashboard.url}/`);
  await page.getByText('Redrive these…').first().click();
  for (const label of await page.locator('.action[open] label').all()) {
    const [outer, inner] = [await label.boundingBox(), await label.locator('input').boundingBox()];
    const middle = (box: { y: number; height: number } | null) => (box ? box.y + box.height / 2 : 0);
    // on one line with its words
    expect(Math.abs(middle(outer) - middle(inner))).toBeLessThan(6);
  }
  await page.context().close();
});

test('dead letters tell when they died, of what kind and why, and are redriven together', async () => {
  const page = await open('/runs?status=dead');
  const head = await page.locator('thead th').allTextContents();
  expect(head).toEqual(['Run, key', 'Flow', 'Kind', 'Why', 'Died']);
  const row = page.getByRole('row', { name: /doubt/ }).first();
  expect(await row.textContent()).toMatch(/in doubt.*ship: timeout.*shipping did not answer.*ago/s);
  expect(await row.locator('time').getAttribute('title')).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/);
  await page.goto(`${dashboard.url}/runs?status=dead&code=timeout`);
  await page.getByText('Redrive all matching runs…').click();
  await page.getByText('of every flow, with the reason timeout').waitFor();
  expect(await page.getByLabel('At most').inputValue()).toBe('1');
  await page.getByRole('button', { name: 'Redrive them' }).click();
  await page.getByText(/ada redr(ives|ove) all flows, timeout/).waitFor();
  await page.goto(`${dashboard.url}/runs?status=dead&code=nothing`);
  await page.getByText('No dead letters match this filter.').waitFor();
  await page.context().close();
});

test('moments stand with date and time on the page of a run, and calls with their clock', async () => {
  const page = await open(`/runs/${runId}`);
  expect(await page.locator('dl').last().textContent()).toMatch(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC/);
  expect(await page.locator('.calls .clock').first().textContent()).toMatch(/^\d\d:\d\d:\d\d\.\d{3}$/);
  await page.context().close();
});

test('Bull Board asks nothing of elsewhere, and leads back', async () => {
  const page = await open('/');
  const refused: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') refused.push(message.text());
  });
  await page.goto(`${dashboard.url}/queues/`);
  await page.getByText('dead-letters').first().waitFor();
  expect(refused).toEqual([]);
  await page.getByRole('link', { name: 'Back to the overview' }).click();
  await page.getByRole('heading', { level: 1 }).waitFor();
  expect(new URL(page.url()).pathname).toBe('/');
  await page.context().close();
});
