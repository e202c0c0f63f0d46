import { orderContract, paymentContract, refundContract } from '@holdfast/flows';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Principal } from '../src/api-keys.ts';
import { buildApi } from '../src/app.ts';
import { callersByKey } from '../src/callers.ts';
import { newKey, ORDER } from './support/order.ts';
import { send, startTestApi, type TestApi } from './support/test-api.ts';
import { testParts } from './support/test-parts.ts';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

test('an address that guesses keys is refused; a right key from there, and other addresses, are not', async () => {
  const api: TestApi = await startTestApi(redis, { HOLDFAST_TRUSTED_PROXIES: '127.0.0.1' });
  try {
    const guess = (n: number, client: string) =>
      api.ask({
        path: '/v1/runs',
        headers: { authorization: `Bearer hf_wrong_${n}_0123456789`, 'x-forwarded-for': client },
      });
    const wrong = await Promise.all(Array.from({ length: 100 }, (_, n) => guess(n, '203.0.113.1')));
    expect(new Set(wrong.map(({ status }) => status))).toEqual(new Set([401]));

    const refused = await guess(100, '203.0.113.1');
    expect({ status: refused.status, code: refused.json.code }).toEqual({
      status: 429,
      code: 'rate_limited',
    });
    const retryAfter = Number(refused.headers['retry-after']);
    expect(retryAfter).toBeGreaterThan(0);
    expect(retryAfter).toBeLessThanOrEqual(60);

    const right = await api.ask({ path: '/v1/runs', headers: { 'x-forwarded-for': '203.0.113.1' } });
    expect(right.status).toBe(200);
    expect((await guess(101, '203.0.113.2')).status).toBe(401);
  } finally {
    await api.close();
  }
});

test('addresses of one IPv6 network count together', async () => {
  const api: TestApi = await startTestApi(redis, { HOLDFAST_TRUSTED_PROXIES: '127.0.0.1' });
  try {
    const guess = (client: string) =>
      api.ask({
        path: '/v1/runs',
        headers: { authorization: 'Bearer hf_wrong_0123456789', 'x-forwarded-for': client },
      });
    await Promise.all(Array.from({ length: 100 }, (_, n) => guess(`2001:db8:1:2::${n.toString(16)}`)));
    expect((await guess('2001:db8:1:2:ffff::1')).status).toBe(429);
    expect((await guess('2001:db8:1:3::1')).status).toBe(401);
  } finally {
    await api.close();
  }
});

test('slow requests of one tenant wait for each other and hold up nobody else', async () => {
  const parts = testParts(redis.url, [orderContract, paymentContract, refundContract]);
  let reached = 0;
  let release: () => void = () => {};
  const slow = new Promise<void>((resolve) => {
    release = resolve;
  });
  const keyOf = (tenant: string): Principal => ({ tenant, name: tenant, scopes: new Set(['read']) });
  const { app } = await buildApi({
    ...parts,
    callers: callersByKey({ find: async (key) => keyOf(key.includes('greedy') ? 'greedy' : 'modest') }),
    client: {
      ...parts.client,
      getRun: async (tenant, id) => {
        if (tenant !== 'greedy') return parts.client.getRun(tenant, id);
        reached += 1;
        await slow;
        return undefined;
      },
    },
  });
  try {
    await parts.preflight.firstTry();
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    const ask = (tenant: string) =>
      send(url, { path: '/v1/runs/run_1', headers: { authorization: `Bearer hf_${tenant}` } });
    const greedy = Array.from({ length: 1_020 }, () => ask('greedy'));

    // 16 are worked on, 1,000 wait, and the rest is refused
    const first = await Promise.race(greedy);
    expect({ status: first.status, code: first.json.code }).toEqual({ status: 429, code: 'rate_limited' });
    expect(first.headers['retry-after']).toBe('1');
    await waitFor(() => reached === 16, { what: 'sixteen requests to be worked on' });
    expect((await ask('modest')).status).toBe(404);
    expect(reached).toBe(16);

    release();
    const statuses = (await Promise.all(greedy)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 429)).toHaveLength(4);
    expect(statuses.filter((status) => status === 404)).toHaveLength(1_016);
    expect(reached).toBe(1_016);
  } finally {
    release();
    await app.close();
    await parts.close();
  }
});

test('forty looks at a run that is as fat as it may be leave room for another tenant', async () => {
  const parts = testParts(redis.url, [orderContract, paymentContract, refundContract]);
  const keyOf = (tenant: string): Principal => ({
    ...{ tenant, name: tenant, scopes: new Set(['read', 'submit', 'signal'] as const) },
  });
  const { app } = await buildApi({
    ...parts,
    callers: callersByKey({ find: async (key) => keyOf(key.includes('fat') ? 'fat' : 'slim') }),
  });
  try {
    await parts.preflight.firstTry();
    const url = await app.listen({ port: 0, host: '127.0.0.1' });
    const ask = (tenant: string, path: string, body?: object) =>
      send(url, {
        path,
        headers: {
          authorization: `Bearer hf_${tenant}`,
          ...(body && { 'content-type': 'application/json', 'idempotency-key': newKey() }),
        },
        ...(body && { method: 'POST', body: JSON.stringify(body) }),
      });
    const fat = String((await ask('fat', '/v1/orders', ORDER)).json.id);
    const slim = String((await ask('slim', '/v1/orders', ORDER)).json.id);
    const signals: number[] = [];
    for (let n = 0; n < 60; n += 1) {
      const body = { id: `s${n}`, payload: 'x'.repeat(250_000) };
      signals.push((await ask('fat', `/v1/runs/${fat}/signals/noise`, body)).status);
    }
    // a run keeps 4 MiB of signals that it has not taken
    expect(signals.filter((status) => status === 202)).toHaveLength(16);
    expect(signals.filter((status) => status === 413)).toHaveLength(44);

    const looks = Array.from({ length: 40 }, () => ask('fat', `/v1/runs/${fat}`));
    const others = Array.from({ length: 12 }, () => ask('slim', `/v1/runs/${slim}`));
    const began = performance.now();
    expect(new Set((await Promise.all(others)).map(({ status }) => status))).toEqual(new Set([200]));
    const tookMs = performance.now() - began;
    expect(new Set((await Promise.all(looks)).map(({ status }) => status))).toEqual(new Set([200]));
    console.log(`another tenant's 12 looks beside 40 at a fat run: ${Math.round(tookMs)} ms`);
    // a whole read of such a run took 86 ms of Redis' time; forty of them 3.4 s
    expect(tookMs).toBeLessThan(3_000);
  } finally {
    await app.close();
    await parts.close();
  }
});
