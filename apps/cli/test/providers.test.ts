import { readApiConfig, startApi } from '@holdfast/api';
import { createLogger } from '@holdfast/app-kit';
import { ALL_CONTRACTS } from '@holdfast/flows';
import { redisStore } from '@holdfast/http';
import { startRedis, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { holdfast } from './support/run-cli.ts';

const KEY = 'hf_test_key_of_the_providers_command';

test('says how the providers are doing, in a table, with their last errors, and as JSON', async () => {
  const redis = await startRedis();
  const api = await startApi(
    readApiConfig({
      ...{
        HOLDFAST_API_PORT: '0',
        HOLDFAST_DRAIN_DELAY: '0s',
        HOLDFAST_REDIS_URL: redis.url,
        HOLDFAST_LOG_LEVEL: 'silent',
      },
      HOLDFAST_DEV_KEY: KEY,
    }),
    { flows: ALL_CONTRACTS },
    createLogger('api', 'silent'),
  );
  const connection = new Redis(redis.url);
  onTestFinished(async () => {
    connection.disconnect();
    await api.close();
    await redis.stop();
  });
  await waitFor(async () => (await fetch(`${api.url}/readyz`)).ok, { what: 'the API to be ready' });
  const env = { HOLDFAST_API_URL: api.url, HOLDFAST_API_KEY: KEY };
  expect(await holdfast(['providers'], env)).toEqual({
    code: 0,
    out: 'No provider was called in the last week.\n',
    err: '',
  });

  const store = redisStore({ connection });
  const limits = {};
  await store.record('shipping@7c1f02ab', {
    minute: Math.floor(Date.now() / 60_000),
    taken: new Map(),
    counts: new Map(Object.entries({ ok: 1_200, unavailable: 300, 'ms:4': 1_500 })),
    errors: [
      {
        ...{ at: '2026-03-02T03:12:00.000Z', kind: 'unavailable', code: 'connection_refused' },
        ...{ message: 'no answer', durationMs: 3 },
      },
    ],
  });
  await store.settle('shipping@7c1f02ab', {
    ...{ permit: 'p', admittedAtMs: Date.now(), verdict: 'throttled', closedForMs: 30_000 },
    ...{ policyPerSecond: undefined, taken: new Map(), limits },
    breaker: { firstMs: 1_000, maxMs: 10_000 },
  });
  const now = Date.now();
  const taken = new Map([[Math.floor(now / 250), 30]]);
  await store.record('stock@11111111', {
    minute: Math.floor(now / 60_000),
    taken,
    counts: new Map(),
    errors: [],
  });
  await store.settle('stock@11111111', {
    ...{
      permit: 'p',
      admittedAtMs: now,
      verdict: 'throttled',
      closedForMs: 60_000,
      policyPerSecond: undefined,
    },
    ...{ taken, limits, endpoint: { name: 'reserve', taken, accountIsLimited: false } },
    breaker: { firstMs: 1_000, maxMs: 10_000 },
  });
  const shown = await holdfast(['providers', '--minutes', '60', '--errors'], env);
  expect(shown.out).toMatch(/stock +11111111 .*no calls to reserve until [\d:]+ UTC: it asked for a pause\n/);
  expect(shown.err).toBe('');
  expect(shown.out).toMatch(
    /shipping +7c1f02ab +1,500 +20\.0 % +\d+ ms +\d+ ms +– +no calls until [\d:]+ UTC: asked for a pause of [\d.]+ s more\n/,
  );
  expect(shown.out).toContain('over 60 min');
  expect(shown.out).toMatch(
    /2026-03-02T03:12:00.000Z +shipping +unavailable +connection_refused +– +no answer/,
  );
  const json = JSON.parse((await holdfast(['providers', '--json'], env)).out);
  expect(json.data).toMatchObject([
    { provider: 'shipping', lastErrors: [{ code: 'connection_refused' }] },
    { provider: 'stock', limit: { closedForMs: 0 }, endpoints: [{ endpoint: 'reserve' }] },
  ]);
  expect(await holdfast(['providers', '--minutes', '0'], env)).toMatchObject({
    code: 2,
    err: '--minutes takes a whole number from 1 to 60, not "0".\n',
  });

  const reopened = await holdfast(['providers', 'reopen', 'shipping', '--redis', redis.url], { USER: 'ada' });
  expect(reopened).toMatchObject({ code: 0, err: '' });
  expect(reopened.out).toMatch(/^shipping 7c1f02ab: was closed for another [\d.]+ s; open now\.$/m);
  expect((await holdfast(['providers'], env)).out).toContain('takes calls');
  const again = await holdfast(['providers', 'reopen', 'shipping', '--redis', redis.url]);
  expect(again.out).toContain('was open already');
  const unknown = await holdfast(['providers', 'reopen', 'nobody', '--redis', redis.url]);
  expect(unknown).toMatchObject({ code: 1, err: expect.stringContaining('There are: shipping, stock.') });
  const [entry] = await connection.xrange('{hf0}/audit/*', '-', '+');
  expect(entry?.[1].join(' ')).toMatch(
    /"actor":"ada","via":"cli","action":"reopen_provider".*"provider":"shipping"/,
  );
});
