import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { readConfig } from '@holdfast/app-kit';
import { type StepCall, StepError } from '@holdfast/engine';
import { type ProviderHealth, providerHealth, redisPins, redisStore, type Sharing } from '@holdfast/http';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { defineProvider, operation, type ProviderDefinition } from '../src/index.ts';

const SECRET = 'sk_canary_7f3a';
const call = (): StepCall => ({
  ...{ idempotencyKey: 'run_1:1:s', reference: 'run_1.1.s', runId: 'run_1', generation: 1 },
  ...{ step: 's', attempt: 1, startedAt: 0, signal: AbortSignal.timeout(5_000) },
});

let redis: TestRedis;
let connection: Redis;
let sharing: Sharing;
beforeAll(async () => {
  redis = await startRedis();
  connection = new Redis(redis.url);
  sharing = { store: redisStore({ connection }), pins: redisPins({ connection }) };
});
afterAll(async () => {
  connection.disconnect();
  await redis.stop();
});

/** A provider as a worker connects it; it answers with this status. */
async function connected(
  name: string,
  status: number,
  more: Partial<ProviderDefinition<Record<never, never>>> = {},
  env: Record<string, string> = {},
) {
  const http = createServer((_, response) =>
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(JSON.stringify(status === 200 ? {} : { error: `no: ${SECRET}` })),
  );
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  const address = http.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  const provider = defineProvider({
    ...{ name, auth: 'bearer' },
    errors: z.object({ error: z.string() }).transform(({ error }) => ({ code: 'no', message: error })),
    ...more,
    operations: {
      ping: operation({
        request: () => ({ method: 'POST', path: '/ping', body: { json: {} } }),
        answer: z.unknown(),
      }),
    },
  });
  const prefix = `HOLDFAST_${name.toUpperCase()}`;
  const read = readConfig(provider.variables, {
    [`${prefix}_URL`]: `http://127.0.0.1:${address.port}`,
    [`${prefix}_KEY`]: SECRET,
    ...env,
  });
  const { close } = provider.configure(read)(sharing);
  onTestFinished(async () => {
    await close();
    http.close();
  });
  return {
    ping: () =>
      provider.ping(call()).then(
        () => 'ok',
        (error: unknown) => (error instanceof StepError ? error.code : error),
      ),
  };
}

it.each([
  ['the code', { limits: { ratePerSecond: 1, burst: 2 } }, {}],
  [
    'the environment, which wins',
    { limits: { burst: 100 } },
    { HOLDFAST_LIMITED_RPS: '1', HOLDFAST_LIMITED_BURST: '2' },
  ],
])('keeps to the limit of %s, with all other workers', async (_where, more, env) => {
  const { ping } = await connected('limited', 200, more, env);
  const results = await Promise.all([ping(), ping(), ping(), ping()]);
  expect(results.toSorted()).toEqual(['ok', 'ok', 'rate_limited', 'rate_limited']);
});

it('opens its breaker for as long as the code says', async () => {
  const { ping } = await connected('broken', 500, { breaker: { first: '20s', max: '1m' } });
  await waitFor(async () => (await ping()) === 'breaker_open', { what: 'the breaker to open' });
  const health = await healthOf('broken');
  expect(health.breaker).toEqual({
    state: 'open',
    probeInMs: expect.toSatisfy((ms: number) => ms > 15_000 && ms <= 20_000),
  });
});

it('shows in the health of providers, without its secret anywhere in Redis', async () => {
  const { ping } = await connected('seen', 422);
  expect(await ping()).toBe('no');
  const { lastErrors } = await healthOf('seen');
  expect(lastErrors).toMatchObject([{ code: 'no', message: 'no: [redacted]' }]);
  // every write, as it is on the disk
  const folder = join(redis.dataDir, 'appendonlydir');
  const written = readdirSync(folder)
    .map((file) => readFileSync(join(folder, file), 'latin1'))
    .join('\n');
  expect(written).toContain('no: [redacted]');
  expect(written).not.toContain(SECRET);
});

/** Once a worker has told of its calls. */
async function healthOf(name: string): Promise<ProviderHealth> {
  for (;;) {
    const found = (await providerHealth(sharing.store)).find(({ provider }) => provider === name);
    if (found) return found;
    await delay(50);
  }
}
