import { connectRedis, createLogger, Preflight } from '@holdfast/app-kit';
import { createClient } from '@holdfast/engine';
import { orderContract, paymentContract, refundContract } from '@holdfast/flows';
import { startRedis, type TestRedis } from '@holdfast/testkit';
import Fastify from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ApiKeys, Scope } from '../src/api-keys.ts';
import { buildApi } from '../src/index.ts';
import { authentication } from '../src/plugins/authentication.ts';
import { newKey, ORDER } from './support/order.ts';
import { PAYMENT } from './support/payment-service.ts';
import { send } from './support/test-api.ts';

/** Keys of several tenants and scopes, named for what they are. */
const keys: ApiKeys = {
  find: async (key) => {
    const [, tenant, scopes] = /^hf_([a-z]+)_([a-z.]*)$/.exec(key) ?? [];
    if (tenant === undefined || scopes === undefined || tenant === 'nobody') return undefined;
    return { tenant, scopes: new Set(scopes.split('.') as Scope[]) };
  },
};

let redis: TestRedis;
let url: string;
let stop: () => Promise<void>;
beforeAll(async () => {
  redis = await startRedis();
  const log = createLogger('api', 'silent');
  const connection = connectRedis([redis.url], { for: 'api', commandTimeoutMs: 1500 }, log);
  const flows = [orderContract, paymentContract, refundContract];
  const client = createClient({ connection, flows });
  const preflight = new Preflight({ connection, durability: 'strict', attest: undefined, log });
  const { app } = await buildApi({ client, flows, keys, preflight, log });
  await preflight.admitted;
  url = await app.listen({ host: '127.0.0.1', port: 0 });
  stop = async () => {
    await app.close();
    await client.close();
    preflight.stop();
    connection.disconnect();
    await redis.stop();
  };
});
afterAll(() => stop());

interface Route {
  readonly method: string;
  readonly path: string;
  readonly scope: Scope;
  readonly body?: object;
  /** What it answers a key that may. */
  readonly status: number;
}

const REFUND = { amount: 1, reason: 'it did not fit' };
const operate = { method: 'POST', scope: 'operate', status: 404 } as const;
const ROUTES: readonly Route[] = [
  { method: 'POST', path: '/v1/orders', scope: 'submit', body: ORDER, status: 202 },
  { method: 'POST', path: '/v1/flows/order/runs', scope: 'submit', body: ORDER, status: 202 },
  { method: 'POST', path: '/v1/payments', scope: 'submit', body: PAYMENT, status: 202 },
  { method: 'POST', path: '/v1/payments/run_1/refunds', scope: 'submit', body: REFUND, status: 404 },
  { method: 'GET', path: '/v1/payments/run_1', scope: 'read', status: 404 },
  { method: 'GET', path: '/v1/runs/run_1', scope: 'read', status: 404 },
  { ...operate, path: '/v1/runs/run_1/cancel' },
  { ...operate, path: '/v1/runs/run_1/rerun' },
  { ...operate, path: '/v1/runs/run_1/signals/settled', body: { id: 'evt_1' } },
  { ...operate, path: '/v1/dead-letters/run_1/redrive' },
  {
    ...operate,
    path: '/v1/dead-letters/run_1/resolve',
    body: { step: 'charge', outcome: 'did_not_happen' },
  },
  { ...operate, path: '/v1/dead-letters/run_1/cancel' },
];

function ask(route: Route, authorization: string | undefined) {
  return send(url, {
    ...{ method: route.method, path: route.path },
    headers: { authorization, 'content-type': 'application/json', 'idempotency-key': newKey() },
    ...(route.body ? { body: JSON.stringify(route.body) } : {}),
  });
}

describe.each(ROUTES)('$method $path', (route) => {
  test.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Basic aGZfeDp5',
    'hf_dev_submit.read.operate',
    'Bearer sk_live_1',
    'Bearer hf_dev_submit.read x',
  ])('without a key (%s) is answered with 401', async (authorization) => {
    const { status, headers, json } = await ask(route, authorization);
    expect({ status, code: json.code }).toEqual({ status: 401, code: 'api_key_missing' });
    expect(headers['www-authenticate']).toBe('Bearer realm="holdfast"');
    expect(headers['content-type']).toBe('application/problem+json');
  });

  test('with an unknown key is answered with 401', async () => {
    const { status, headers, json } = await ask(route, 'Bearer hf_nobody_read');
    expect({ status, code: json.code }).toEqual({ status: 401, code: 'api_key_invalid' });
    expect(headers['www-authenticate']).toContain('error="invalid_token"');
  });

  test('needs its own scope and no other', async () => {
    const others = (['submit', 'read', 'operate'] as const).filter((scope) => scope !== route.scope);
    const refused = await ask(route, `Bearer hf_dev_${others.join('.')}`);
    expect({ status: refused.status, code: refused.json.code }).toEqual({
      status: 403,
      code: 'scope_missing',
    });
    expect(refused.headers['www-authenticate']).toContain(`scope="${route.scope}"`);
    const allowed = await ask(route, `bearer hf_dev_${route.scope}`);
    expect(allowed.status).toBe(route.status);
  });
});

test("another tenant's run is like none, and its key is free", async () => {
  const post = (tenant: string, key: string) =>
    send(url, {
      method: 'POST',
      path: '/v1/orders',
      headers: {
        authorization: `Bearer hf_${tenant}_submit`,
        'content-type': 'application/json',
        'idempotency-key': key,
      },
      body: JSON.stringify(ORDER),
    });
  const key = newKey();
  const mine = await post('mine', key);
  const theirs = await post('theirs', key);
  expect([mine.status, theirs.status]).toEqual([202, 202]);
  expect(theirs.json.id).not.toBe(mine.json.id);
  expect(theirs.headers).not.toHaveProperty('idempotent-replayed');

  const read = (tenant: string, id: unknown) =>
    send(url, { path: `/v1/runs/${id}`, headers: { authorization: `Bearer hf_${tenant}_read` } });
  expect((await read('mine', mine.json.id)).status).toBe(200);
  const foreign = await read('theirs', mine.json.id);
  const none = await read('theirs', 'run_none');
  expect(foreign.status).toBe(404);
  expect({ ...foreign.json, instance: '' }).toEqual({ ...none.json, instance: '' });

  for (const { path, body } of ROUTES.filter(({ scope }) => scope === 'operate')) {
    const { status, json } = await send(url, {
      ...{ method: 'POST', path: path.replace('run_1', String(mine.json.id)) },
      headers: { authorization: 'Bearer hf_theirs_operate', 'content-type': 'application/json' },
      ...(body ? { body: JSON.stringify(body) } : {}),
    });
    expect({ path, status, code: json.code }).toEqual({ path, status: 404, code: 'run_not_found' });
  }
  expect((await read('mine', mine.json.id)).json).toEqual(mine.json);
});

test('what is public needs no key', async () => {
  for (const path of ['/livez', '/readyz', '/metrics', '/openapi.json', '/docs', '/docs/errors']) {
    const { status } = await send(url, { path, headers: { authorization: undefined } });
    expect({ path, status }).toEqual({ path, status: 200 });
  }
});

test('a route under /v1 that does not say who may call it is a mistake', async () => {
  const log = createLogger('api', 'silent');
  const app = Fastify({ loggerInstance: log });
  await app.register(authentication, { keys });
  expect(() => app.get('/v1/open', async () => 'oops')).toThrow('config.access');
  await app.close();
});
