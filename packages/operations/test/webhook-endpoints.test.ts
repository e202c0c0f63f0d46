import { randomBytes } from 'node:crypto';
import { createSealer } from '@holdfast/redis';
import { startRedis, type TestRedis } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { Webhook } from 'standardwebhooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  createAuditLog,
  createWebhookEndpoints,
  EndpointEvents,
  type WebhookEndpoints,
} from '../src/index.ts';
import { ADA, quietLog } from './system.ts';

let redis: TestRedis;
let connection: Redis;
let endpoints: WebhookEndpoints;
const sealer = createSealer(`k1:${randomBytes(32).toString('base64')}`);
beforeAll(async () => {
  redis = await startRedis();
  connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  endpoints = createWebhookEndpoints({ connection, sealer, log: quietLog });
});
afterAll(async () => {
  connection.disconnect();
  await redis.stop();
});

const HOOK = { url: 'https://hooks.example.com/in?token=t0p', events: ['run.completed', 'payment.*'] };
const DAY_MS = 24 * 60 * 60 * 1_000;

async function created(tenant: string, more: object = {}) {
  const made = await endpoints.create(ADA, tenant, { ...HOOK, ...more });
  if (made.outcome !== 'done') throw new Error(`expected a new endpoint, got ${made.outcome}`);
  return made.value;
}

async function actions(tenant: string) {
  const { data } = await createAuditLog({ connection, log: quietLog }).list(tenant);
  return data.map(({ action, outcome }) => `${action} ${outcome}`);
}

test('an endpoint is created, seen, changed and deleted, and each that changed something is in the log', async () => {
  const { secret, ...endpoint } = await created('life', { description: 'orders' });
  expect(endpoint).toEqual({
    ...{ ...HOOK, id: expect.stringMatching(/^whe_[0-9a-f]{32}$/), tenant: 'life', description: 'orders' },
    ...{ status: 'active', createdAt: expect.any(Number) },
  });
  expect(await endpoints.get('life', endpoint.id)).toEqual(endpoint);

  const changed = { url: 'https://new.example.com/', status: 'paused', description: '' } as const;
  const { description: _, ...left } = { ...endpoint, url: changed.url, status: changed.status };
  expect(await endpoints.change(ADA, 'life', endpoint.id, changed)).toEqual(left);
  expect(await endpoints.change(ADA, 'life', endpoint.id, changed)).toEqual(left);
  expect(await endpoints.secrets('life', endpoint.id)).toEqual([secret]);

  expect(await endpoints.delete(ADA, 'life', endpoint.id)).toBe(true);
  expect(await endpoints.delete(ADA, 'life', endpoint.id)).toBe(false);
  expect(await endpoints.get('life', endpoint.id)).toBeUndefined();
  expect(await endpoints.list('life')).toEqual({ data: [] });
  expect(await actions('life')).toEqual([
    'delete_webhook_endpoint deleted',
    'change_webhook_endpoint changed',
    'create_webhook_endpoint created',
  ]);
});

test("another tenant's endpoint is not there, whatever is done with it", async () => {
  const { id, secret } = await created('mine');
  expect(await endpoints.get('other', id)).toBeUndefined();
  expect(await endpoints.change(ADA, 'other', id, { status: 'paused' })).toBeUndefined();
  expect(await endpoints.rotateSecret(ADA, 'other', id, 0)).toBeUndefined();
  expect(await endpoints.delete(ADA, 'other', id)).toBe(false);
  expect(await endpoints.secrets('other', id)).toEqual([]);
  expect(await endpoints.list('other')).toEqual({ data: [] });
  expect(await endpoints.get('mine', id)).toMatchObject({ status: 'active' });
  expect(await endpoints.secrets('mine', id)).toEqual([secret]);
  expect(await actions('other')).toEqual([]);
});

test('pages have every endpoint once, the newest first, also when one is deleted in between', async () => {
  const ids: string[] = [];
  for (let i = 0; i < 5; i += 1) ids.unshift((await created('pages')).id);
  const byAge = (await endpoints.list('pages')).data.map(({ id }) => id);
  expect(byAge.toSorted()).toEqual(ids.toSorted());
  const first = await endpoints.list('pages', { limit: 2 });
  expect(first.data.map(({ id }) => id)).toEqual(byAge.slice(0, 2));
  await endpoints.delete(ADA, 'pages', byAge[1] ?? '');
  const second = await endpoints.list('pages', { limit: 3, cursor: first.nextCursor });
  expect(second.data.map(({ id }) => id)).toEqual(byAge.slice(2));
  expect(second.nextCursor).toBeUndefined();
});

test('the same Idempotency-Key has the same answer, secret included, whatever became of the endpoint; other requests are refused', async () => {
  const once = { key: 'k-1', fingerprint: 'f-1' };
  const both = await Promise.all([
    endpoints.create(ADA, 'again', HOOK, once),
    endpoints.create(ADA, 'again', HOOK, once),
  ]);
  expect(both.map(({ outcome }) => outcome).toSorted()).toEqual(['done', 'replayed']);
  const [one, two] = both.map((made) => (made.outcome === 'key_reused' ? undefined : made.value));
  expect(two).toEqual(one);
  expect((await endpoints.list('again')).data).toHaveLength(1);

  await endpoints.change(ADA, 'again', one?.id ?? '', { url: 'https://new.example.com/' });
  await endpoints.delete(ADA, 'again', one?.id ?? '');
  expect(await endpoints.create(ADA, 'again', HOOK, once)).toEqual({ outcome: 'replayed', value: one });
  expect(await endpoints.create(ADA, 'again', HOOK, { ...once, fingerprint: 'f-2' })).toEqual({
    outcome: 'key_reused',
  });
  expect((await endpoints.create(ADA, 'another', HOOK, once)).outcome).toBe('done');
  expect((await actions('again')).filter((each) => each.startsWith('create'))).toHaveLength(1);

  const answers = await connection.keys('{hf0}/webhook-answer/again/*');
  expect(answers).toHaveLength(1);
  const left = await connection.pttl(answers[0] ?? '');
  expect(left).toBeGreaterThan(DAY_MS - 60_000);
  expect(left).toBeLessThanOrEqual(DAY_MS);
});

test('a rotated secret signs beside the one before for as long as was asked, and what both sign is verified by either', async () => {
  const { id, secret: first } = await created('rotate');
  const rotate = async (overlapMs: number) => {
    const rotated = await endpoints.rotateSecret(ADA, 'rotate', id, overlapMs);
    if (rotated?.outcome !== 'done') throw new Error('expected another secret');
    return rotated.value.secret;
  };
  const second = await rotate(DAY_MS);
  expect(await endpoints.secrets('rotate', id)).toEqual([second, first]);
  const at = new Date();
  const signatures = (await endpoints.secrets('rotate', id)).map((each) =>
    new Webhook(each).sign('m', at, '{}'),
  );
  const headers = {
    'webhook-id': 'm',
    'webhook-timestamp': String(Math.floor(at.getTime() / 1_000)),
    'webhook-signature': signatures.join(' '),
  };
  for (const secret of [first, second]) expect(new Webhook(secret).verify('{}', headers)).toEqual({});

  const third = await rotate(0);
  expect(await endpoints.secrets('rotate', id)).toEqual([third, first]);
  const fourth = await rotate(1);
  await expect.poll(() => endpoints.secrets('rotate', id)).toEqual([fourth, first]);
});

test('a rotation repeated with its Idempotency-Key rotates once', async () => {
  const { id } = await created('rotate-again');
  const once = { key: 'r-1', fingerprint: 'f-1' };
  const rotated = await endpoints.rotateSecret(ADA, 'rotate-again', id, DAY_MS, once);
  const again = await endpoints.rotateSecret(ADA, 'rotate-again', id, DAY_MS, once);
  expect(again).toEqual({ ...rotated, outcome: 'replayed' });
  expect(await endpoints.secrets('rotate-again', id)).toHaveLength(2);
  const reused = await endpoints.rotateSecret(ADA, 'rotate-again', id, 0, { ...once, fingerprint: 'f-2' });
  expect(reused).toEqual({ outcome: 'key_reused' });
});

test('however often it is rotated, no more than six secrets sign', async () => {
  const { id } = await created('often');
  for (let i = 0; i < 9; i += 1) await endpoints.rotateSecret(ADA, 'often', id, DAY_MS);
  const secrets = await endpoints.secrets('often', id);
  expect(new Set(secrets).size).toBe(6);
});

test('no secret stands in Redis in the clear, nor does a token of a URL in the log', async () => {
  const once = { key: 'sealed-1', fingerprint: 'f' };
  const made = await endpoints.create(ADA, 'sealed', HOOK, once);
  if (made.outcome === 'key_reused') throw new Error('expected an endpoint');
  await endpoints.rotateSecret(ADA, 'sealed', made.value.id, DAY_MS, once);
  const secrets = await endpoints.secrets('sealed', made.value.id);
  const hashes = (await connection.keys('{hf0}/webhook-*')).filter((key) =>
    /webhook-(endpoint|answer)\//.test(key),
  );
  expect(hashes.length).toBeGreaterThanOrEqual(3);
  const stored = JSON.stringify(await Promise.all(hashes.map((key) => connection.hgetall(key))));
  expect(stored).toContain(made.value.id);
  for (const secret of secrets) expect(stored).not.toContain(secret.slice('whsec_'.length));
  const entries = await createAuditLog({ connection, log: quietLog }).list('sealed');
  expect(JSON.stringify(entries)).toContain('https://hooks.example.com');
  expect(JSON.stringify(entries)).not.toContain('t0p');
});

test.each([
  [['run.completed'], true],
  [['payment.*', 'order.shipped'], true],
  [[], false],
  [['*'], false],
  [['run'], false],
  [['run.completed', 'run.completed'], false],
  [['Run.completed'], false],
  [['run. completed'], false],
  [Array.from({ length: 51 }, (_, i) => `run.e${i}`), false],
])('events %j: %s', (events, fits) => {
  expect(EndpointEvents.safeParse(events).success).toBe(fits);
});
