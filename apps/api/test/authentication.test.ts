import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createLogger } from '@holdfast/app-kit';
import { orderContract, paymentContract, refundContract } from '@holdfast/flows';
import { SCOPES, type Scope } from '@holdfast/operations';
import { startRedis, type TestRedis } from '@holdfast/testkit';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callersByKey } from '../src/callers.ts';
import { buildApi } from '../src/index.ts';
import { authentication } from '../src/plugins/authentication.ts';
import { newKey, ORDER } from './support/order.ts';
import { PAYMENT } from './support/payment-service.ts';
import { send } from './support/test-api.ts';
import { testParts } from './support/test-parts.ts';

interface Route {
  readonly method: string;
  /** As it is registered, as in `/v1/runs/:id`. */
  readonly url: string;
  readonly access: string | undefined;
}

const TENANTS = ['mine', 'theirs'] as const;
type Tenant = (typeof TENANTS)[number];

/** Every route that the API serves, whoever has added it. */
const routes: Route[] = [];
const keys = new Map<string, string>();
let redis: TestRedis;
let url: string;
let stop: () => Promise<void>;
/** The tenant `mine` has all of these, `theirs` none. */
let run: string;
let payment: string;
let keyId: string;
let endpoint: string;
let delivery: string;
beforeAll(async () => {
  redis = await startRedis();
  const parts = testParts(redis.url, [orderContract, paymentContract, refundContract]);
  const app = await watchingRoutes(async () => (await buildApi(parts)).app);
  await parts.preflight.admitted;
  for (const tenant of TENANTS) {
    for (const scopes of [...SCOPES.map((scope) => [scope]), SCOPES, ['read', 'operate']] as Scope[][]) {
      const created = await parts.storedKeys.create(
        { name: 'test', via: 'cli' },
        { tenant, name: scopes.join(), scopes },
      );
      keys.set(`${tenant} ${scopes.join()}`, created.key);
      if (tenant === 'mine') keyId = created.id;
    }
  }
  url = await app.listen({ host: '127.0.0.1', port: 0 });
  run = String((await post('mine', '/v1/orders', ORDER)).json.id);
  payment = String((await post('mine', '/v1/payments', PAYMENT)).json.id);
  endpoint = String((await post('mine', ENDPOINTS, ENDPOINT, newKey(), 'operate')).json.id);
  delivery = String((await post('mine', `${ENDPOINTS}/${endpoint}/test`, {}, newKey(), 'operate')).json.id);
  await send(url, {
    ...{ method: 'PUT', path: '/v1/state/settled', body: '{"value":1}' },
    headers: { authorization: `Bearer ${keyOf('mine', 'operate')}`, 'content-type': 'application/json' },
  });
  stop = async () => {
    await app.close();
    await parts.close();
    await redis.stop();
  };
});
afterAll(() => stop());

async function watchingRoutes(build: () => Promise<FastifyInstance>): Promise<FastifyInstance> {
  const watch = (message: unknown) => {
    (message as { fastify: FastifyInstance }).fastify.addHook('onRoute', (route) => {
      for (const method of [route.method].flat()) {
        routes.push({ method, url: route.url, access: route.config?.access });
      }
    });
  };
  subscribe('fastify.initialization', watch);
  try {
    return await build();
  } finally {
    unsubscribe('fastify.initialization', watch);
  }
}

function keyOf(tenant: Tenant, ...scopes: readonly Scope[]): string {
  return keys.get(`${tenant} ${scopes.join()}`) ?? 'there is no such key in this test';
}

function post(
  tenant: Tenant,
  path: string,
  body: object,
  idempotencyKey = newKey(),
  scope: Scope = 'submit',
) {
  return send(url, {
    ...{ method: 'POST', path, body: JSON.stringify(body) },
    headers: {
      authorization: `Bearer ${keyOf(tenant, scope)}`,
      ...{ 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
    },
  });
}

const ENDPOINTS = '/v1/webhook-endpoints';
const ENDPOINT = { url: 'https://93.184.216.34/hook', events: ['run.*'] };

/** What routes with a body need, by their URL; without it they cannot say whose the run is. */
const BODIES: Readonly<Record<string, object>> = {
  '/v1/orders': ORDER,
  '/v1/flows/:flow/runs': ORDER,
  '/v1/payments': PAYMENT,
  '/v1/payments/:id/refunds': { amount: 1, reason: 'it did not fit' },
  '/v1/orders/:id/refunds': { amount: 1, reason: 'it did not fit' },
  '/v1/runs/:id/signals/:name': { id: 'evt_1' },
  '/v1/dead-letters/:runId/resolve': { step: 'charge', outcome: 'did_not_happen' },
  '/v1/dead-letters/redrive': { limit: 1, dryRun: true },
  '/v1/keys': { name: 'another', scopes: ['keys'] },
  [ENDPOINTS]: ENDPOINT,
  [`${ENDPOINTS}/:id`]: { description: 'changed' },
  [`${ENDPOINTS}/:id/rotate-secret`]: { overlap: '24h' },
  [`${ENDPOINTS}/:id/replay`]: { since: '2026-01-01T00:00:00Z', until: '2026-01-02T00:00:00Z' },
};

/** Routes for keys, one for each method; those that answer other methods with 405 apart. What deletes comes last. */
const guarded = () =>
  routes
    .filter(({ access }) => access !== undefined && access !== 'public')
    .toSorted((a, b) => Number(a.method === 'DELETE') - Number(b.method === 'DELETE'));

/** Somebody else's is not there. A value of the state is anybody's to make. */
function isAboutOne({ method, url: template }: Route): boolean {
  return /:(id|runId)/.test(template) || (template === '/v1/state/:name' && method !== 'PUT');
}

function ownFor(template: string): string {
  if (template.startsWith('/v1/keys')) return keyId;
  if (template.startsWith('/v1/payments')) return payment;
  return template.startsWith(ENDPOINTS) ? endpoint : run;
}

function requestTo({ method, url: template }: Route, authorization: string | undefined) {
  const path = template
    .replace(':flow', 'order')
    .replace(':name', 'settled')
    .replace(/:(id|runId)/, ownFor(template))
    .replace(':deliveryId', delivery);
  const body = method === 'POST' || method === 'PATCH' ? BODIES[template] : undefined;
  return {
    ...{ method, path },
    headers: {
      ...{ 'idempotency-key': newKey(), ...(authorization !== undefined && { authorization }) },
      ...(body && { 'content-type': 'application/json' }),
    },
    ...(body && { body: JSON.stringify(body) }),
  };
}

function ask(route: Route, authorization: string | undefined) {
  const { headers, ...request } = requestTo(route, authorization);
  return send(url, { ...request, headers: { authorization, ...headers } });
}

test('the routes are really found', () => {
  const found = guarded().map(({ method, url: template }) => `${method} ${template}`);
  for (const known of ['POST /v1/orders', 'GET /v1/runs/:id', 'HEAD /v1/runs/:id', 'DELETE /v1/keys/:id']) {
    expect(found).toContain(known);
  }
  const open = routes.filter(({ access }) => access === undefined).map((route) => route.url);
  expect(open.filter((each) => each.startsWith('/v1'))).toEqual([]);
});

test('every route refuses whoever shows no key, or one that is not known', async () => {
  for (const route of guarded()) {
    const about = `${route.method} ${route.url}`;
    const without = await ask(route, undefined);
    expect({ about, status: without.status }).toEqual({ about, status: 401 });
    expect(without.headers['www-authenticate']).toBe('Bearer realm="holdfast"');
    const unknown = await ask(route, `Bearer hf_${'0'.repeat(16)}_${'A'.repeat(43)}`);
    expect({ about, status: unknown.status }).toEqual({ about, status: 401 });
    expect(unknown.headers['www-authenticate']).toContain('error="invalid_token"');
  }
});

test('every route needs its own scope and no other', async () => {
  for (const route of guarded()) {
    const about = `${route.method} ${route.url}`;
    const allowed: string[] = [];
    for (const scope of SCOPES) {
      // another tenant's, so that what may be done changes nothing
      const { status, headers, json } = await ask(route, `bearer ${keyOf('theirs', scope)}`);
      if (status !== 403) {
        allowed.push(scope);
        expect({ about, refused: status === 401 || status >= 500 }).toEqual({ about, refused: false });
        continue;
      }
      if (route.method !== 'HEAD') expect(json.code).toBe('scope_missing');
      expect(headers['www-authenticate']).toContain(`scope="${route.access}"`);
    }
    expect({ about, allowed }).toEqual({ about, allowed: [route.access] });
  }
});

test("no route shows or touches what is another tenant's", async () => {
  const before = await send(url, { path: `/v1/runs/${run}`, headers: mineAsReader() });
  for (const route of guarded()) {
    const about = `${route.method} ${route.url}`;
    const foreign = await ask(route, `Bearer ${keyOf('theirs', ...SCOPES)}`);
    const asksForOne = isAboutOne(route);
    expect({ about, is404: foreign.status === 404 }).toEqual({ about, is404: asksForOne });
    for (const secret of [run, payment, keyId]) {
      // what was asked for may be named, nothing more be told
      if (!asksForOne)
        expect({ about, tells: foreign.text.includes(secret) }).toEqual({ about, tells: false });
    }
    if (!asksForOne || route.method === 'HEAD') continue;
    const none = await ask(
      { ...route, url: route.url.replace(/:(id|runId)/, 'run_none') },
      `Bearer ${keyOf('theirs', ...SCOPES)}`,
    );
    if (route.url in BODIES) continue;
    expect({ about, ...foreign.json, instance: '' }).toEqual({ about, ...none.json, instance: '' });
  }
  const after = await send(url, { path: `/v1/runs/${run}`, headers: mineAsReader() });
  expect(after.json).toEqual(before.json);
  const list = await send(url, {
    path: '/v1/keys',
    headers: { authorization: `Bearer ${keyOf('mine', 'keys')}` },
  });
  expect(JSON.stringify(list.json)).not.toContain('revokedAt');
});

function mineAsReader() {
  return { authorization: `Bearer ${keyOf('mine', 'read')}` };
}

test('whose it is finds it, by every route that is asked for one', async () => {
  for (const route of guarded().filter(isAboutOne)) {
    const about = `${route.method} ${route.url}`;
    const { path, ...request } = requestTo(route, `Bearer ${keyOf('mine', ...SCOPES)}`);
    const response = await fetch(`${url}${path}`, request);
    // a stream of events would go on until the run has ended
    await response.body?.cancel();
    expect({ about, found: response.status !== 404, known: response.status !== 401 }).toEqual({
      ...{ about, found: true, known: true },
    });
  }
});

test("the same Idempotency-Key of another tenant is another run's", async () => {
  const key = newKey();
  const [mine, theirs] = [
    await post('mine', '/v1/orders', ORDER, key),
    await post('theirs', '/v1/orders', ORDER, key),
  ];
  expect([mine.status, theirs.status]).toEqual([202, 202]);
  expect(theirs.json.id).not.toBe(mine.json.id);
  expect(theirs.headers).not.toHaveProperty('idempotent-replayed');
});

test.each([
  '',
  'Bearer',
  'Bearer ',
  'Basic aGZfeDp5',
  'hf_dev_0123456789abcdef',
  'Bearer sk_live_1',
  'Bearer hf_dev x',
])('an Authorization that shows no key (%s) is answered like none', async (authorization) => {
  const { status, headers, json } = await send(url, { path: '/v1/runs/run_1', headers: { authorization } });
  expect({ status, code: json.code }).toEqual({ status: 401, code: 'api_key_missing' });
  expect(headers['www-authenticate']).toBe('Bearer realm="holdfast"');
  expect(headers['content-type']).toBe('application/problem+json');
});

test('a key with one character changed is not known', async () => {
  const key = keyOf('mine', 'read');
  const changed = `${key.slice(0, -1)}${key.endsWith('A') ? 'B' : 'A'}`;
  const { status, json } = await send(url, {
    path: `/v1/runs/${run}`,
    headers: { authorization: `Bearer ${changed}` },
  });
  expect({ status, code: json.code }).toEqual({ status: 401, code: 'api_key_invalid' });
});

test('what is public needs no key', async () => {
  for (const path of ['/livez', '/readyz', '/metrics', '/openapi.json', '/docs', '/docs/errors']) {
    const { status } = await send(url, { path, headers: { authorization: undefined } });
    expect({ path, status }).toEqual({ path, status: 200 });
  }
});

describe('a route', () => {
  test('under /v1 that does not say who may call it is a mistake', async () => {
    const app = Fastify({ loggerInstance: createLogger('api', 'silent') });
    await app.register(authentication, {
      callers: callersByKey({ find: async () => undefined }),
    });
    expect(() => app.get('/v1/open', async () => 'oops')).toThrow('config.access');
    await app.close();
  });
});
