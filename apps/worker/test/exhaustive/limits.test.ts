import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, defineFlow, isTerminal, startWorker } from '@holdfast/engine';
import { createGuard, redisStore } from '@holdfast/http';
import { stripePayments } from '@holdfast/providers';
import { providersEnv } from '@holdfast/sandbox';
import { waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { type Arrival, limitedStripe } from '../limited-stripe.ts';
import { startSandboxProcess, startWorkerProcesses } from '../processes.ts';
import { orders, redisForTest, silent } from '../system.ts';

const PER_SECOND = 20;
const RETRY_AFTER_MS = 1_000;
const ORDERS = 120;
const WORKERS = 3;
const CONCURRENCY = 20;
const CHARGE = {
  amount: 100,
  currency: 'usd',
  paymentMethod: 'pm_card_visa',
  customerId: 'cus_1',
  description: 'x',
};

it('three workers share a limit that nobody told them, and all their orders complete', async () => {
  const stripe = await limitedStripe({ perSecond: PER_SECOND, retryAfterS: RETRY_AFTER_MS / 1_000 });
  const redis = await redisForTest();
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-limits-'));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  const sandbox = await startSandboxProcess(dataDir);
  const { submit, ended } = orders(redis.url);
  const runIds = await Promise.all(Array.from({ length: ORDERS }, (_, n) => submit(`order-${n}`)));
  await startWorkerProcesses(WORKERS, {
    HOLDFAST_REDIS_URL: redis.url,
    ...providersEnv(sandbox),
    HOLDFAST_PAYMENT_URL: stripe.url,
    HOLDFAST_CONCURRENCY: String(CONCURRENCY),
  });
  const runs = await Promise.all(runIds.map((runId) => ended(runId, 60_000)));

  expect(runs.filter(({ status }) => status !== 'completed')).toEqual([]);
  expect(stripe.charges.size).toBe(ORDERS);
  const { arrivals } = stripe;
  const refusals = arrivals.filter(({ status }) => status === 429);
  expect(refusals.length).toBeGreaterThan(0);
  // what was under way before anybody knew, and a few by chance
  expect(refusals.length).toBeLessThan(WORKERS * CONCURRENCY + ORDERS / 10);
  expect(tooEarly(arrivals)).toEqual([]);
  // how much of the limit is used is not asked of a busy machine, but in time that is only counted (packages/http), and over a minute by
  // scripts/plot-limits.mjs
}, 90_000);

it('waiting for a limit uses up no attempt, not even the only one', async () => {
  const stripe = await limitedStripe({ perSecond: 10, retryAfterS: 1 });
  const redis = await redisForTest();
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  const flow = defineFlow({
    ...{ name: 'pay', version: 1, input: z.unknown(), output: z.unknown() },
    run: (ctx) =>
      ctx.step('charge', {
        run: (call) => payments.charge(CHARGE, call),
        whenInDoubt: 'repeat',
        retry: { attempts: 1 },
      }),
  });
  const guard = createGuard({
    ...{ provider: 'payment', account: stripe.url, store: redisStore({ connection }), longestCallMs: 40_000 },
  });
  const payments = stripePayments({ url: stripe.url, key: 'sk_test' }, guard);
  const worker = startWorker({ connection, redisUrls: [redis.url], flows: [flow], log: silent });
  const client = createClient({ connection, flows: [flow] });
  onTestFinished(async () => {
    await worker.close('0s');
    await Promise.all([payments.close(), guard.close(), client.close()]);
    connection.disconnect();
  });
  const submitted = await Promise.all(
    Array.from({ length: 30 }, (_, n) => {
      const key = `pay-${n}`;
      const request = { flow: 'pay', input: {}, tenant: 't', idempotencyKey: key, fingerprint: key };
      return client.submit(request);
    }),
  );
  const ended = await waitFor(
    async () => {
      const runs = await Promise.all(
        submitted.map((reply) => ('run' in reply ? client.getRun('t', reply.run.id) : undefined)),
      );
      return runs.every((run) => run && isTerminal(run.status)) && runs;
    },
    { what: 'all to end', timeoutMs: 30_000 },
  );
  expect(new Set(ended.map((run) => run?.status))).toEqual(new Set(['completed']));
  // an attempt is a call that was made, not a wait
  const attempts = ended.map((run) => run?.steps[0]?.attempts ?? 0);
  expect(attempts.reduce((sum, each) => sum + each, 0)).toBe(stripe.arrivals.length);
  for (const { steps, events } of ended.flatMap((run) => run ?? [])) {
    // and however often it was put off, one wait before each call is all that people see
    const putOff = events.filter((event) => event.kind === 'call' && event.putOff);
    expect(putOff.length).toBeLessThanOrEqual(steps[0]?.attempts ?? 0);
  }
  expect(stripe.arrivals.filter(({ status }) => status === 429).length).toBeGreaterThan(0);
}, 60_000);

/** Calls that were refused before and came again within their Retry-After. */
function tooEarly(arrivals: readonly Arrival[]): Arrival[] {
  return arrivals.filter(({ atMs, key }, index) =>
    arrivals
      .slice(0, index)
      .some((call) => call.key === key && call.status === 429 && atMs < call.atMs + RETRY_AFTER_MS),
  );
}
