import { createLogger } from '@holdfast/app-kit';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RunningApi, readApiConfig, startApi } from '../src/index.ts';
import { newKey, ORDER } from './support/order.ts';
import { SHOP } from './support/shop.ts';
import { type Answer, KEY, send, startTestApi, type TestApi } from './support/test-api.ts';

async function timed(ask: Promise<Answer>): Promise<Answer & { readonly ms: number }> {
  const started = performance.now();
  const answer = await ask;
  return { ...answer, ms: performance.now() - started };
}

function expectUnavailable(answer: Answer & { readonly ms: number }): void {
  expect({ status: answer.status, code: answer.json.code }).toEqual({
    status: 503,
    code: 'store_unavailable',
  });
  expect(answer.headers['retry-after']).toMatch(/^\d+$/);
  expect(answer.ms).toBeLessThan(2000);
}

describe('an API whose Redis', () => {
  let redis: TestRedis;
  let api: TestApi;
  beforeAll(async () => {
    redis = await startRedis();
    api = await startTestApi(redis);
  });
  afterAll(() => api.stop());

  const answersAgain = () =>
    waitFor(async () => (await api.ask({ path: '/readyz' })).status === 200, { what: 'the API to be ready' });

  test('was killed answers 503 at once, and works when Redis is back', async () => {
    const key = newKey();
    const before = await api.order(ORDER, { 'idempotency-key': key });
    await redis.kill('SIGKILL');

    expectUnavailable(await timed(api.order(ORDER)));
    expectUnavailable(await timed(api.order(ORDER, { 'idempotency-key': key })));
    expectUnavailable(await timed(api.order(ORDER, { prefer: 'wait=30' })));
    expectUnavailable(await timed(api.ask({ path: String(before.headers.location) })));
    expect((await api.ask({ path: '/readyz' })).status).toBe(503);
    expect((await api.ask({ path: '/livez' })).status).toBe(200);
    expect((await api.order({ ...ORDER, items: [] })).status).toBe(422);

    await redis.start();
    await answersAgain();
    expect((await api.order(ORDER)).status).toBe(202);
    const after = await api.order(ORDER, { 'idempotency-key': key });
    expect(after.headers['idempotent-replayed']).toBe('true');
    expect(after.json).toEqual(before.json);
  });

  test('hangs answers 503 within 2 s; the same request again reaches the same run', async () => {
    const key = newKey();
    process.kill(redis.pid, 'SIGSTOP');
    try {
      const [post, get, ready, live] = await Promise.all([
        timed(api.order(ORDER, { 'idempotency-key': key })),
        timed(api.ask({ path: '/v1/runs/run_1' })),
        timed(api.ask({ path: '/readyz' })),
        timed(api.ask({ path: '/livez' })),
      ]);
      expectUnavailable(post);
      expectUnavailable(get);
      expect(post.json.detail).toMatch(/same Idempotency-Key/);
      expect(get.json.detail).toBe('The store did not answer in time. Retry in a moment.');
      expect(ready.status).toBe(503);
      expect(ready.ms).toBeLessThan(2000);
      expect(live.status).toBe(200);
      expect(live.ms).toBeLessThan(500);
    } finally {
      process.kill(redis.pid, 'SIGCONT');
    }
    await answersAgain();
    const first = await api.order(ORDER, { 'idempotency-key': key });
    const second = await api.order(ORDER, { 'idempotency-key': key });
    expect(first.status).toBe(202);
    expect(second.json.id).toBe(first.json.id);
  });

  test.each([
    ['is a replica', ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']],
    ['is out of memory', ['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0']],
  ] as const)(
    '%s takes no orders, and never says 202',
    async (_what, [verb, ...args], [undo, ...undoArgs]) => {
      const admin = new Redis(redis.url);
      await admin.call(verb, ...args);
      try {
        expectUnavailable(await timed(api.order(ORDER)));
      } finally {
        await admin.call(undo, ...undoArgs);
        admin.disconnect();
      }
      // a socket to what looks like a demoted master is left, and the next one takes a moment
      await answersAgain();
      expect((await api.order(ORDER)).status).toBe(202);
    },
  );

  test('dies while a client waits: the order is accepted already, so the answer is 202', async () => {
    const key = newKey();
    const waiting = api.order(ORDER, { 'idempotency-key': key, prefer: 'wait=4' });
    const accepted = await waitFor(
      async () => {
        const again = await api.order(ORDER, { 'idempotency-key': key });
        return again.headers['idempotent-replayed'] === 'true' && again;
      },
      { what: 'the order to be accepted' },
    );
    await redis.kill('SIGKILL');
    const answer = await waiting;
    expect(answer.status).toBe(202);
    // Whichever of the two came first created the run; both were told of it.
    expect(answer.json.id).toBe(accepted.json.id);
    await redis.start();
    await answersAgain();
  });
});

test('an API that starts without Redis serves 503 until Redis is there', async () => {
  const redis = await startRedis();
  await redis.kill();
  const api: RunningApi = await startApi(
    readApiConfig({
      HOLDFAST_API_PORT: '0',
      HOLDFAST_DRAIN_DELAY: '0s',
      HOLDFAST_REDIS_URL: redis.url,
      HOLDFAST_DEV_KEY: KEY,
    }),
    SHOP,
    createLogger('api', 'silent'),
  );
  try {
    const headers = { 'content-type': 'application/json', 'idempotency-key': newKey() };
    const order = { method: 'POST', path: '/v1/orders', headers, body: JSON.stringify(ORDER) };
    expectUnavailable(await timed(send(api.url, order)));
    expect((await send(api.url, { path: '/readyz' })).status).toBe(503);
    expect((await send(api.url, { path: '/livez' })).status).toBe(200);

    await redis.start();
    await waitFor(async () => (await send(api.url, order)).status === 202, {
      what: 'the order to be accepted',
    });
  } finally {
    await api.close();
    await redis.stop();
  }
});
