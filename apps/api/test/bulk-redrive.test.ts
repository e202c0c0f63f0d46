import http from 'node:http';
import { waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ORDER } from './support/order.ts';
import { type Answer, KEY, startTestApi, type TestApi } from './support/test-api.ts';
import { startTestWorker, type TestWorker } from './support/test-worker.ts';

let api: TestApi;
let worker: TestWorker;
const COUNT = 12;

beforeAll(async () => {
  api = await startTestApi();
  worker = startTestWorker(api.redis.url);
  const orders = Array.from({ length: COUNT }, () => api.order({ ...ORDER, paymentMethod: 'pm_bug' }));
  await Promise.all(orders);
  await waitFor(async () => (await dead()) === COUNT, { what: 'all to be dead' });
  // nobody takes up what is redriven, so that it stays as it is
  await worker.stop();
});
afterAll(() => api.stop());

const dead = async () =>
  ((await api.ask({ path: '/v1/dead-letters?limit=100' })).json.data as unknown[]).length;
const JSON_TYPE = { 'content-type': 'application/json' };
const redrive = (body: unknown, headers: Record<string, string> = {}): Promise<Answer> =>
  api.ask({
    ...{ method: 'POST', path: '/v1/dead-letters/redrive', headers: { ...JSON_TYPE, ...headers } },
    body: JSON.stringify(body),
  });

test('a dry run counts and does nothing', async () => {
  expect((await redrive({ dryRun: true })).json).toEqual({
    ...{ matched: COUNT, redriven: 0, skipped: 0, more: false },
  });
  expect((await redrive({ dryRun: true, limit: 5 })).json).toMatchObject({ matched: 5, more: true });
  expect((await redrive({ dryRun: true, code: 'other' })).json).toMatchObject({ matched: 0 });
  expect((await redrive({ dryRun: true, flow: 'payment' })).json).toMatchObject({ matched: 0 });
  expect(await dead()).toBe(COUNT);
});

test('redrives what fits, up to the limit, no faster than told, and says that more is left', async () => {
  const from = performance.now();
  const { status, json } = await redrive({ flow: 'order', limit: 4, ratePerSecond: 10 });
  expect({ status, json }).toEqual({
    status: 200,
    json: { matched: 4, redriven: 4, skipped: 0, more: true },
  });
  expect(performance.now() - from).toBeGreaterThanOrEqual(290);
  expect(await dead()).toBe(COUNT - 4);
});

test('stops when nobody waits for its answer any more', async () => {
  const before = await dead();
  const request = http.request(`${api.url}/v1/dead-letters/redrive`, {
    ...{ method: 'POST', agent: false },
    headers: { ...JSON_TYPE, authorization: `Bearer ${KEY}`, accept: 'application/x-ndjson' },
  });
  request.on('error', () => {});
  request.end(JSON.stringify({ ratePerSecond: 5 }));
  await waitFor(async () => (await dead()) < before, { what: 'the first to be redriven' });
  request.destroy();
  const audit = await waitFor(
    async () => {
      const { json } = await api.ask({ path: '/v1/audit' });
      const [last] = json.data as { action: string; outcome: string }[];
      return last?.action === 'bulk_redrive' && last.outcome === 'stopped' && last;
    },
    { what: 'the audit log to tell that it was stopped' },
  );
  expect(audit).toMatchObject({ actor: 'HOLDFAST_DEV_KEY', via: 'api' });
  expect(await dead()).toBeGreaterThan(0);
});

test('tells how far it is, line by line, when asked to', async () => {
  const left = await dead();
  const { headers, text } = await redrive({ ratePerSecond: 20 }, { accept: 'application/x-ndjson' });
  expect(headers['content-type']).toBe('application/x-ndjson');
  const lines = text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.length).toBeGreaterThan(1);
  expect(lines[0]).toEqual({ matched: expect.any(Number), redriven: expect.any(Number), skipped: 0 });
  expect(lines.at(-1)).toEqual({ matched: left, redriven: left, skipped: 0, more: false });
  expect(await dead()).toBe(0);
});

test.each([
  [{ limit: 0 }, 'limit'],
  [{ limit: 10_001 }, 'limit'],
  [{ ratePerSecond: 0.5 }, 'ratePerSecond'],
  [{ dryRun: 'yes' }, 'dryRun'],
  [{ status: 'dead' }, 'status'],
])('%j is refused', async (body, path) => {
  const { status, json } = await redrive(body);
  expect({ status, code: json.code }).toEqual({ status: 422, code: 'validation_failed' });
  expect(json.errors).toMatchObject([{ path }]);
});

test('the picture of a run is an SVG without payloads, and is not sent twice', async () => {
  const { json: run } = await api.order(ORDER);
  const path = `/v1/runs/${run.id}/timeline.svg`;
  await api.ask({ method: 'POST', path: `/v1/runs/${run.id}/cancel` });
  worker = startTestWorker(api.redis.url);
  await waitFor(async () => (await api.ask({ path: `/v1/runs/${run.id}` })).json.status === 'cancelled', {
    what: 'the run to be cancelled',
  });
  await worker.stop();
  const { status, headers, text } = await api.ask({ path });
  expect(status).toBe(200);
  expect(headers).toMatchObject({ 'content-type': 'image/svg+xml', 'cache-control': 'private, no-cache' });
  expect(text).toMatch(/^<svg [\s\S]*<\/svg>\s*$/);
  expect(text).not.toContain(ORDER.customer.email);
  const again = await api.ask({ path, headers: { 'if-none-match': String(headers.etag) } });
  expect({ status: again.status, text: again.text }).toEqual({ status: 304, text: '' });
  expect((await api.ask({ path: '/v1/runs/run_none/timeline.svg' })).json.code).toBe('run_not_found');
});
