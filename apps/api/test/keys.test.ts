import { waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newKey, ORDER } from './support/order.ts';
import { type Answer, startTestApi, type TestApi } from './support/test-api.ts';
import { startTestWorker, type TestWorker } from './support/test-worker.ts';

/** Two API processes in front of one Redis. */
let api: TestApi;
let other: TestApi;
let worker: TestWorker;
beforeAll(async () => {
  api = await startTestApi();
  other = await startTestApi(api.redis);
  worker = startTestWorker(api.redis.url);
});
afterAll(async () => {
  await worker.stop();
  await other.stop();
  await api.stop();
});

function create(body: object, key?: string): Promise<Answer> {
  return api.ask({
    ...{ method: 'POST', path: '/v1/keys', body: JSON.stringify(body) },
    headers: { 'content-type': 'application/json', ...(key && as(key)) },
  });
}

const as = (key: unknown) => ({ authorization: `Bearer ${key}` });
const list = async () => (await api.ask({ path: '/v1/keys' })).json.data as Record<string, unknown>[];

describe('/v1/keys', () => {
  test('creates a key that is shown once and works in every process; revoked, it works in none', async () => {
    const { status, json, headers } = await create({ name: 'night shift', scopes: ['read'] });
    expect(status).toBe(201);
    expect(headers['cache-control']).toBe('no-store');
    expect(json).toEqual({
      ...{
        id: expect.stringMatching(/^[0-9a-f]{16}$/),
        name: 'night shift',
        tenant: 'dev',
        scopes: ['read'],
      },
      ...{ createdAt: expect.any(String), createdBy: 'HOLDFAST_DEV_KEY' },
      key: expect.stringMatching(/^hf_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/),
    });
    const { key, ...shown } = json;
    expect(await list()).toContainEqual(shown);
    const read = (from: TestApi) => from.ask({ path: '/v1/runs/run_1', headers: as(key) });
    expect((await read(other)).status).toBe(404);

    const revoked = await api.ask({ method: 'DELETE', path: `/v1/keys/${json.id}` });
    const { status: refused, json: problem } = await read(other);
    expect({ refused, code: problem.code }).toEqual({ refused: 401, code: 'api_key_invalid' });
    expect(revoked.json).toEqual({ ...shown, revokedAt: expect.any(String) });
    expect((await api.ask({ method: 'DELETE', path: `/v1/keys/${json.id}` })).json).toEqual(revoked.json);
    expect(await list()).toContainEqual(revoked.json);
  });

  test('a key ends by itself when it is to', async () => {
    const { json } = await create({ name: 'short', scopes: ['read'], expiresIn: '300ms' });
    expect(Date.parse(String(json.expiresAt)) - Date.parse(String(json.createdAt))).toBe(300);
    const read = () => api.ask({ path: '/v1/runs/run_1', headers: as(json.key) });
    await waitFor(async () => (await read()).status === 401, { what: 'the key to have expired' });
    expect(await list()).toContainEqual(expect.objectContaining({ id: json.id }));
  });

  test('nobody gives away more than they have', async () => {
    const { json } = await create({ name: 'operator', scopes: ['operate', 'keys'] });
    const more = await create({ name: 'more', scopes: ['operate', 'submit'] }, String(json.key));
    expect({ status: more.status, code: more.json.code }).toEqual({ status: 403, code: 'scope_missing' });
    expect(more.json.detail).toContain('"submit"');
    expect((await create({ name: 'same', scopes: ['operate'] }, String(json.key))).status).toBe(201);
  });

  test('nobody makes a key that outlives their own', async () => {
    const { json: short } = await create({ name: 'short', scopes: ['read', 'keys'], expiresIn: '1h' });
    const own = String(short.key);
    const longer = await create({ name: 'longer', scopes: ['read'], expiresIn: '2h' }, own);
    expect({ status: longer.status, errors: longer.json.errors }).toMatchObject({
      status: 422,
      errors: [{ path: 'expiresIn' }],
    });
    for (const more of [{}, { expiresIn: '1m' }]) {
      const made = await create({ name: 'made', scopes: ['read'], ...more }, own);
      expect(made.status).toBe(201);
      expect(Date.parse(String(made.json.expiresAt))).toBeLessThanOrEqual(
        Date.parse(String(short.expiresAt)) + 50,
      );
    }
  });

  test('revoked with `cascade`, a key takes along what it made', async () => {
    const { json: first } = await create({ name: 'first', scopes: ['read', 'keys'] });
    const { json: second } = await create({ name: 'second', scopes: ['read', 'keys'] }, String(first.key));
    const { json: third } = await create({ name: 'third', scopes: ['read'] }, String(second.key));
    const status = async (key: unknown) =>
      (await api.ask({ path: '/v1/runs/run_1', headers: as(key) })).status;
    await api.ask({ method: 'DELETE', path: `/v1/keys/${first.id}` });
    expect([await status(first.key), await status(second.key), await status(third.key)]).toEqual([
      401, 404, 404,
    ]);
    await api.ask({ method: 'DELETE', path: `/v1/keys/${first.id}?cascade=true` });
    expect([await status(second.key), await status(third.key)]).toEqual([401, 401]);
  });

  test('a key of before the scopes were divided keeps what it could do', async () => {
    const { json } = await create({ name: 'old', scopes: ['operate'] });
    const redis = new Redis(api.redis.url);
    await redis.hdel(`{hf0}/api-key/${json.id}`, 'grants');
    redis.disconnect();
    expect((await api.ask({ path: '/v1/audit', headers: as(json.key) })).status).toBe(200);
    const listed = (await list()).find(({ id }) => id === json.id);
    expect(listed).toMatchObject({ scopes: ['payloads', 'signal', 'operate', 'keys', 'audit'] });
  });

  test('without `read` no answer shows the output', async () => {
    const { json: blind } = await create({ name: 'blind', scopes: ['submit', 'operate'] });
    const headers = { ...as(blind.key), prefer: 'wait=20' };
    const { json: run } = await api.order(ORDER, headers);
    expect(run.status).toBe('completed');
    expect(run).not.toHaveProperty('output');
    const path = `/v1/dead-letters/${run.id}/redrive`;
    const redriven = await api.ask({ method: 'POST', path, headers: as(blind.key) });
    expect(redriven.json).not.toHaveProperty('output');
    const shown = await api.ask({ method: 'POST', path });
    expect(shown.json).toHaveProperty('output');
  });

  test.each([
    ['no scope', { name: 'a', scopes: [] }, 'scopes'],
    ['a scope twice', { name: 'a', scopes: ['read', 'read'] }, 'scopes'],
    ['a scope that is none', { name: 'a', scopes: ['admin'] }, 'scopes.0'],
    ['no name', { name: '', scopes: ['read'] }, 'name'],
    ['a name that could break a line', { name: 'a\nb', scopes: ['read'] }, 'name'],
    ["another tenant's name", { name: 'a', scopes: ['read'], tenant: 'other' }, 'tenant'],
    ['a duration without a unit', { name: 'a', scopes: ['read'], expiresIn: '90' }, 'expiresIn'],
    ['no time at all', { name: 'a', scopes: ['read'], expiresIn: '0s' }, 'expiresIn'],
  ])('with %s is refused, saying where', async (_what, body, path) => {
    const { status, json } = await create(body);
    expect({ status, errors: json.errors }).toEqual({
      ...{ status: 422, errors: [{ path, message: expect.any(String) }] },
    });
  });

  test('nothing in Redis tells a key', async () => {
    const { json } = await create({ name: 'canary', scopes: ['read'] });
    const secret = String(json.key).slice(20);
    const redis = new Redis(api.redis.url);
    const held = await Promise.all(
      (await redis.keys('*')).map(async (name) => {
        const type = await redis.type(name);
        if (type === 'hash') return redis.hgetall(name);
        return type === 'stream' ? redis.xrange(name, '-', '+') : name;
      }),
    );
    redis.disconnect();
    expect(JSON.stringify(held)).toContain(json.id);
    expect(JSON.stringify(held)).not.toContain(secret);
  });
});

test('what was done with a key, and to it, is in the log', async () => {
  const { json } = await create({ name: 'on duty', scopes: ['operate', 'submit', 'read'] });
  const order = await api.order({ ...ORDER, paymentMethod: 'pm_bug' }, as(json.key));
  const run = String(order.json.id);
  await waitFor(async () => (await api.ask({ path: `/v1/runs/${run}` })).json.status === 'dead', {
    what: 'a death',
  });
  for (const path of [`/v1/dead-letters/${run}/redrive`, `/v1/runs/${run}/cancel`]) {
    expect((await api.ask({ method: 'POST', path, headers: as(json.key) })).status).toBe(202);
  }
  const ofRun = await api.ask({ path: `/v1/audit?run=${run}` });
  expect(ofRun.json.data).toMatchObject([
    { actor: 'on duty', via: 'api', action: 'cancel', runId: run, outcome: 'cancelling' },
    { actor: 'on duty', via: 'api', action: 'redrive', runId: run, outcome: 'redriven', before: 'dead' },
  ]);
  await api.ask({ method: 'DELETE', path: `/v1/keys/${json.id}` });

  const first = await api.ask({ path: '/v1/audit?limit=1' });
  expect(first.json.data).toMatchObject([
    { action: 'revoke_key', outcome: 'revoked', detail: { key: json.id, name: 'on duty' } },
  ]);
  const next = await api.ask({ path: `/v1/audit?limit=1&cursor=${first.json.nextCursor}` });
  expect(next.json.data).toMatchObject([{ action: 'cancel' }]);
  expect((await api.ask({ path: '/v1/audit?cursor=none' })).json.code).toBe('cursor_invalid');
  expect((await api.ask({ path: '/v1/audit?run=1' })).json.code).toBe('query_invalid');
});

test('while Redis is away a key is neither known nor refused: 503 soon, but for the one of the configuration', async () => {
  const { json } = await create({ name: 'later', scopes: ['read'] });
  const read = (headers: Record<string, string>) => api.ask({ path: '/v1/runs/run_1', headers });
  process.kill(api.redis.pid, 'SIGSTOP');
  try {
    const startedAt = performance.now();
    const { status, json: problem, headers } = await read(as(json.key));
    expect({ status, code: problem.code }).toEqual({ status: 503, code: 'store_unavailable' });
    expect(headers['retry-after']).toMatch(/^\d+$/);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    const wrong = await api.order({ ...ORDER, items: [] }, { 'idempotency-key': newKey() });
    expect(wrong.status).toBe(422);
  } finally {
    process.kill(api.redis.pid, 'SIGCONT');
  }
  await waitFor(async () => (await read(as(json.key))).status === 404, { what: 'the key to be known again' });
});
