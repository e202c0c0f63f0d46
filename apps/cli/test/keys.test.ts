import { readApiConfig, startApi } from '@holdfast/api';
import { createLogger } from '@holdfast/app-kit';
import { ALL_CONTRACTS } from '@holdfast/flows';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { holdfast } from './support/run-cli.ts';

let redis: TestRedis;
let url: string;
let stop: () => Promise<void>;
beforeAll(async () => {
  redis = await startRedis();
  // as in production: no key but those that are created
  const api = await startApi(
    readApiConfig({
      HOLDFAST_API_PORT: '0',
      HOLDFAST_DRAIN_DELAY: '0s',
      HOLDFAST_REDIS_URL: redis.url,
      HOLDFAST_LOG_LEVEL: 'silent',
    }),
    { flows: ALL_CONTRACTS },
    createLogger('api', 'silent'),
  );
  url = api.url;
  await waitFor(async () => (await fetch(`${url}/readyz`)).ok, { what: 'the API to be ready' });
  stop = async () => {
    await api.close();
    await redis.stop();
  };
});
afterAll(() => stop());

test('the first key of a tenant is made in Redis, the next ones with it; a revoked one is refused', async () => {
  const direct = { HOLDFAST_REDIS_URL: redis.url, USER: 'ada' };
  const first = await holdfast(
    ['keys', 'create', '--name', 'ops', '--scopes', 'keys,audit,operate,read', '--tenant', 'shop', '--redis'],
    direct,
  );
  expect(first).toMatchObject({ code: 0, err: '' });
  const key = first.out.split('\n', 1)[0] ?? '';
  expect(key).toMatch(/^hf_/);
  expect(first.out).toMatch(/^ {2}\w{16} +ops +shop +read,operate,keys,audit +since /m);
  expect(first.out).toContain('only its hash is stored');

  const env = { HOLDFAST_API_URL: url, HOLDFAST_API_KEY: key };
  const args = ['keys', 'create', '--name', 'monitor', '--scopes', 'read', '--expires-in', '90d', '--json'];
  const second = JSON.parse((await holdfast(args, env)).out);
  expect(second).toMatchObject({
    tenant: 'shop',
    scopes: ['read'],
    createdBy: 'ops',
    key: expect.any(String),
  });
  const list = await holdfast(['keys', 'list'], env);
  expect(list.out).toMatch(/monitor .* until .*\n.* ops .* since /);
  expect(list.out).not.toContain(key);

  const revoked = await holdfast(['keys', 'revoke', second.id], env);
  expect(revoked).toEqual({ code: 0, out: `${second.id} (monitor) is revoked.\n`, err: '' });
  const refused = await fetch(`${url}/v1/runs/run_1`, { headers: { authorization: `Bearer ${second.key}` } });
  expect(refused.status).toBe(401);
  const both = await holdfast(['keys', 'list', '--tenant', 'shop', '--redis', redis.url, '--json']);
  expect(JSON.parse(both.out).data).toMatchObject([
    { name: 'monitor', revokedAt: expect.any(String) },
    { name: 'ops' },
  ]);
  expect(await holdfast(['keys', 'list', '--tenant', 'other', '--redis'], direct)).toMatchObject({
    out: expect.stringContaining('No keys'),
  });

  const audit = await fetch(`${url}/v1/audit`, { headers: { authorization: `Bearer ${key}` } });
  expect(await audit.json()).toMatchObject({
    data: [
      { action: 'revoke_key', actor: 'ops', via: 'api' },
      { action: 'create_key', actor: 'ops', via: 'api' },
      { action: 'create_key', actor: 'ada', via: 'cli' },
    ],
  });
});

test.each([
  [
    ['create', '--name', 'a', '--scopes', 'admin'],
    /a scope is one of submit, read, payloads, signal, operate/,
  ],
  [['create', '--name', 'a', '--scopes', 'read', '--tenant', 'shop'], /add --redis/],
  [['create', '--name', 'a', '--scopes', 'read', '--redis'], /Which tenant/],
  [['list', '--tenant', 'Not Plain', '--redis'], /lower-case letters/],
  [
    ['create', '--name', 'a', '--scopes', 'read', '--tenant', 'shop', '--expires-in', 'soon', '--redis'],
    /90d/,
  ],
  [
    ['create', '--name', 'a', '--scopes', 'read', '--tenant', 'shop', '--expires-in', '4000d', '--redis'],
    /ten years/,
  ],
  [['create', '--name', 'a\nb', '--scopes', 'read', '--tenant', 'shop', '--redis'], /1 to 100 printable/],
  [['revoke', 'none', '--tenant', 'shop', '--redis'], /has no key none/],
])('keys %j is refused, saying what to do', async (args, says) => {
  const { code, err } = await holdfast(['keys', ...args], { HOLDFAST_REDIS_URL: redis.url });
  expect(code).toBe(args[0] === 'revoke' ? 1 : 2);
  expect(err).toMatch(says);
});
