import { type ErrorSeen, redisStore } from '@holdfast/http';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { newKey, ORDER } from './support/order.ts';
import { startTestApi, type TestApi } from './support/test-api.ts';

let api: TestApi;
let connection: Redis;
beforeAll(async () => {
  api = await startTestApi();
  connection = new Redis(api.redis.url);
});
afterAll(async () => {
  connection.disconnect();
  await api.stop();
});

const seen = (code: string, runId?: string): ErrorSeen => ({
  ...{ at: '2026-03-02T03:12:00.000Z', kind: 'unavailable', code, message: 'no answer', durationMs: 3 },
  ...(runId !== undefined && { runId }),
});

test('tells how the providers are doing, and of their errors those that concern the own runs', async () => {
  expect((await api.ask({ path: '/v1/providers' })).json).toEqual({ data: [] });
  const { json: run } = await api.ask({
    ...{ method: 'POST', path: '/v1/orders', body: JSON.stringify(ORDER) },
    headers: { 'content-type': 'application/json', 'idempotency-key': newKey() },
  });
  await redisStore({ connection }).record('shipping@7c1f02ab', {
    minute: Math.floor(Date.now() / 60_000),
    taken: new Map(),
    counts: new Map([
      ...Object.entries({ ok: 3, unavailable: 1, 'ms:4': 4, 'error:unavailable:connection_refused': 1 }),
    ]),
    errors: [
      seen('connection_refused', String(run.id)),
      seen('token_refused'),
      seen('not_ours', 'run_00000000000000000000000000000000'),
    ],
  });
  const { status, headers, json } = await api.ask({ path: '/v1/providers?minutes=60' });
  expect(status).toBe(200);
  expect(headers['cache-control']).toBe('private, no-store');
  expect(json.data).toEqual([
    expect.objectContaining({
      ...{ provider: 'shipping', account: '7c1f02ab', minutes: 60, calls: 4, errorRate: 0.25 },
      outcomes: { ok: 3, rejected: 0, misconfigured: 0, throttled: 0, unavailable: 1, in_doubt: 0 },
      errors: [{ kind: 'unavailable', code: 'connection_refused', count: 1 }],
      breaker: { state: 'closed' },
    }),
  ]);
  const [health] = json.data as { lastErrors: ErrorSeen[]; latencyMs: { p50: number } }[];
  expect(health?.latencyMs.p50).toBeGreaterThan(0);
  expect(health?.lastErrors.map(({ code }) => code).toSorted()).toEqual([
    'connection_refused',
    'token_refused',
  ]);
});

test.each(['0', '61', 'x', ''])('refuses to count over %j minutes', async (minutes) => {
  const { status, json } = await api.ask({ path: `/v1/providers?minutes=${minutes}` });
  expect(status).toBe(400);
  expect(json.code).toBe('query_invalid');
});

test('is 503 while Redis is away', async () => {
  await api.redis.kill('SIGKILL');
  const { status, json } = await api.ask({ path: '/v1/providers' });
  expect([status, json.code]).toEqual([503, 'store_unavailable']);
});
