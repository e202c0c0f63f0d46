import { waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  basic,
  type OrderWorker,
  startOrderWorker,
  startTestDashboard,
  type TestDashboard,
  VIEWER,
} from './support/test-dashboard.ts';

let dashboard: TestDashboard;
let worker: OrderWorker;
beforeAll(async () => {
  dashboard = await startTestDashboard();
  worker = startOrderWorker(dashboard.redis.url);
  worker.mend();
});
afterAll(async () => {
  await worker.stop();
  await dashboard.stop();
});

const page = async (path: string) => (await dashboard.ask({ path, headers: { accept: 'text/html' } })).text;
/** @returns the page that the form leads to */
async function submit(path: string, form: Record<string, string>): Promise<string> {
  const headers = { origin: dashboard.url, 'sec-fetch-site': 'same-origin', accept: 'text/html' };
  const answer = await dashboard.ask({ path, form, headers });
  expect(answer.status).toBe(303);
  return page(answer.headers.location ?? '');
}
const statusOf = (runId: string, status: string) =>
  waitFor(async () => (await worker.statusOf(runId)) === status, { what: `${runId} to be ${status}` });

test('a flow is paused for a tenant by hand; overview, list, run and tenants say so; it is resumed by hand', async () => {
  const done = await worker.submit('before');
  await statusOf(done, 'completed');
  const tenants = await page('/tenants');
  expect(tenants).toMatch(/<th scope="row"><a href="\/runs\?tenant&#61;dev">dev<\/a><\/th>/);
  expect(tenants).toContain('<option>order</option>');

  const paused = await submit('/pauses', { flow: 'order', tenant: 'dev' });
  expect(paused).toContain('Paused: no new run of it begins until it is resumed.');
  expect(paused).toMatch(/order is paused for tenant dev since \d\d:\d\d UTC, by ada\./);
  expect(paused).toContain('paused: order');
  const held = await worker.submit('held');
  await statusOf(held, 'suspended');
  for (const path of ['/', '/tenants'])
    expect(await page(path)).toMatch(/order is paused for tenant dev since/);
  expect(await page('/runs')).toMatch(/order paused since \d\d:\d\d UTC/);
  expect(await page(`/runs/${held}`)).toMatch(
    /class="lead bad">Has not begun yet\. order is paused for tenant dev since \d\d:\d\d UTC, by ada\. It begins once that is resumed\./,
  );
  expect(await page(`/runs/${done}`)).not.toContain('is paused');

  const resumed = await submit('/pauses/resume', { flow: 'order', tenant: 'dev' });
  expect(resumed).toContain('Resumed: what waited begins.');
  expect(resumed).not.toContain('is paused for');
  await statusOf(held, 'completed');
});

test('a tenant as a whole, a flow for all; neither is nothing', async () => {
  expect(await submit('/pauses', { flow: '', tenant: 'dev' })).toMatch(/Tenant dev is paused since/);
  expect(await submit('/pauses', { flow: 'order', tenant: '' })).toMatch(
    /order is paused for all tenants since/,
  );
  expect(await submit('/pauses', { flow: 'order', tenant: '' })).toContain('it is paused already');
  await submit('/pauses/resume', { flow: 'order', tenant: '' });
  await submit('/pauses/resume', { flow: '', tenant: 'dev' });
  const nothing = await dashboard.ask({ path: '/pauses', form: { flow: '', tenant: '' } });
  expect(nothing.status).toBe(400);
});

test('a viewer sees what is paused, and changes nothing', async () => {
  await submit('/pauses', { flow: 'order', tenant: '' });
  const headers = { authorization: basic(VIEWER.user, VIEWER.password), accept: 'text/html' };
  const { text } = await dashboard.ask({ path: '/tenants', headers });
  expect(text).toContain('order is paused for all tenants');
  expect(text).not.toContain('<form');
  const refused = await dashboard.ask({
    path: '/pauses/resume',
    form: { flow: 'order', tenant: '' },
    headers,
  });
  expect(refused.status).toBe(403);
  await submit('/pauses/resume', { flow: 'order', tenant: '' });
});
