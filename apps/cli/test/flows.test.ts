import { readApiConfig, startApi } from '@holdfast/api';
import { createLogger } from '@holdfast/app-kit';
import { ALL_CONTRACTS } from '@holdfast/flows';
import { startRedis, waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { holdfast } from './support/run-cli.ts';

const KEY = 'hf_test_key_of_the_flows_command';
let redisUrl: string;
let env: Record<string, string>;
let stop: () => Promise<void>;
beforeAll(async () => {
  const redis = await startRedis();
  const api = await startApi(
    readApiConfig({
      ...{ HOLDFAST_API_PORT: '0', HOLDFAST_DRAIN_DELAY: '0s', HOLDFAST_REDIS_URL: redis.url },
      ...{ HOLDFAST_LOG_LEVEL: 'silent', HOLDFAST_DEV_KEY: KEY, HOLDFAST_TENANT_RPS: '500' },
    }),
    { flows: ALL_CONTRACTS },
    createLogger('api', 'silent'),
  );
  await waitFor(async () => (await fetch(`${api.url}/readyz`)).ok, { what: 'the API to be ready' });
  redisUrl = redis.url;
  env = { HOLDFAST_API_URL: api.url, HOLDFAST_API_KEY: KEY };
  stop = async () => {
    await api.close();
    await redis.stop();
  };
});
afterAll(() => stop());

const asAda = (...args: string[]) => holdfast([...args, '--redis', redisUrl], { USER: 'ada' });

test("a flow of the key's tenant is paused, listed as paused, and resumed", async () => {
  expect((await holdfast(['flows', 'list'], env)).out).toMatch(/^ {2}order +\d+ +runs$/m);
  const paused = await holdfast(['flows', 'pause', 'order'], env);
  expect(paused).toMatchObject({ code: 0, err: '' });
  expect(paused.out).toMatch(/^order is paused since \S+: no new run begins\.$/m);
  expect((await holdfast(['flows', 'list'], env)).out).toMatch(/^ {2}order +\d+ +paused since \S+$/m);
  expect(JSON.parse((await holdfast(['flows', 'list', '--json'], env)).out).data).toContainEqual(
    expect.objectContaining({ flow: 'order', paused: true, pausedFor: 'flow' }),
  );
  expect((await holdfast(['flows', 'resume', 'order'], env)).out).toBe(
    'order is resumed: what waited begins.\n',
  );
  expect(await holdfast(['flows', 'pause', 'nothing'], env)).toMatchObject({
    code: 1,
    err: 'No flow is called "nothing". (flow_unknown)\nholdfast flows list shows those there are.\n',
  });
  expect((await holdfast(['flows', 'pause', 'order', '--tenant', 'dev'], env)).code).toBe(2);
});

test('who reaches Redis pauses a flow for all tenants or for one, and a tenant as a whole', async () => {
  expect((await asAda('flows', 'pause', 'order')).out).toMatch(
    /^order is paused for all tenants since .+, by ada\.$/m,
  );
  const stays = await holdfast(['flows', 'resume', 'order'], env);
  expect({ code: stays.code, err: stays.err }).toMatchObject({
    ...{ code: 3, err: expect.stringContaining('for all tenants') },
  });
  expect((await asAda('flows', 'resume', 'order')).code).toBe(0);
  expect(await asAda('flows', 'resume', 'order')).toMatchObject({ code: 3 });
  expect((await asAda('flows', 'pause', 'order', '--tenant', 'dev')).out).toContain('for tenant dev since');
  expect((await asAda('tenants', 'pause', 'dev')).out).toMatch(/^Tenant dev is paused since .+, by ada\.$/m);
  expect((await asAda('tenants', 'pause', 'NO tenant')).code).toBe(2);
  expect((await holdfast(['flows', 'list'], env)).out).toMatch(/^ {2}order +\d+ +paused since \S+$/m);
  expect((await holdfast(['flows', 'list'], env)).out).toMatch(
    /^ {2}payment +\d+ +paused since \S+, with the whole tenant$/m,
  );
});

test('tenants: what each has and uses, of what it may, and what is paused', async () => {
  expect((await asAda('tenants', 'resume', 'new-one')).code).toBe(3);
  const input = {
    ...{ amount: 100, currency: 'usd', customerId: 'c', paymentMethod: 'pm_card_visa', description: 'd' },
  };
  const submitted = await fetch(`${env.HOLDFAST_API_URL}/v1/flows/payment/runs`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${KEY}`,
      'content-type': 'application/json',
      'idempotency-key': 'one',
    },
    body: JSON.stringify(input),
  });
  expect(submitted.status).toBe(202);
  // what the API says of itself comes within seconds
  const shown = await waitFor(
    async () => {
      const { out } = await asAda('tenants');
      return out.includes('500 req/s') && out;
    },
    { what: 'the API to say what it is used for' },
  );
  expect(shown).toMatch(/^ {2}dev +1 +0 +1 +≈ [\d.]+ k?B +[\d.]+ +0 +0 +paused$/m);
  expect(shown).toContain('Of each tenant at most: 500 req/s, 200 waits, 100 streams.');
  const { tenants } = JSON.parse((await asAda('tenants', '--json')).out);
  expect(tenants).toMatchObject([{ tenant: 'dev', open: 1, dead: 0, kept: 1, pauses: [{}, {}] }]);
  expect((await asAda('tenants', 'resume', 'dev')).out).toBe('Tenant dev is resumed: what waited begins.\n');
  expect((await asAda('tenants')).out).toMatch(/paused: order$/m);
});
