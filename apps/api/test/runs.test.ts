import { afterAll, beforeAll, expect, test } from 'vitest';
import { ORDER } from './support/order.ts';
import { startTestApi, type TestApi } from './support/test-api.ts';
import { startTestWorker } from './support/test-worker.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());

test('a run has a strong ETag that changes with it, and answers 304 while it does not', async () => {
  const { headers: accepted } = await api.order(ORDER);
  const path = String(accepted.location);
  const first = await api.ask({ path });
  const { etag } = first.headers;
  expect(etag).toMatch(/^"[^"]+"$/);
  expect(first.headers['cache-control']).toBe('private, no-cache');

  for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
    const unchanged = await api.ask({ path, headers: { 'if-none-match': known } });
    expect({ known, status: unchanged.status, text: unchanged.text }).toEqual({
      known,
      status: 304,
      text: '',
    });
    expect(unchanged.headers.etag).toBe(etag);
    expect(unchanged.headers['cache-control']).toBe('private, no-cache');
  }
  expect((await api.ask({ path, headers: { 'if-none-match': '"other"' } })).status).toBe(200);

  const worker = startTestWorker(api.redis.url);
  await api.order(ORDER, { prefer: 'wait=20' });
  await worker.stop();
  const changed = await api.ask({ path, headers: { 'if-none-match': etag } });
  expect(changed.status).toBe(200);
  expect(changed.json.status).toBe('completed');
  expect(changed.headers.etag).not.toBe(etag);
});

test('times are ISO 8601 in UTC', async () => {
  const { json } = await api.order(ORDER);
  for (const time of [json.createdAt, json.updatedAt]) {
    expect(time).toBe(new Date(String(time)).toISOString());
  }
});

test('HEAD answers like GET, without the body', async () => {
  const { headers } = await api.order(ORDER);
  const answer = await api.ask({ method: 'HEAD', path: String(headers.location) });
  expect(answer.status).toBe(200);
  expect(answer.headers.etag).toBeDefined();
  expect(answer.text).toBe('');
});

test.each(['run_none', 'x', '__proto__', 'run_..%2f..', 'run_%00'])('no run %s', async (id) => {
  const { status, json } = await api.ask({ path: `/v1/runs/${id}` });
  expect({ status, code: json.code }).toEqual({ status: 404, code: 'run_not_found' });
});
