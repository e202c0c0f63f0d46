// So many runs that wait for a provider that is down, beside runs of a flow that does not need it, in one worker. Needs a build.
import { setTimeout as delay } from 'node:timers/promises';
import { createClient, defineFlow, startWorker } from '@holdfast/engine';
import { createGuard, redisStore } from '@holdfast/http';
import { stripePayments } from '@holdfast/providers';
import { startRedis } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { z } from 'zod';

const quiet = { debug() {}, info() {}, warn() {}, error: console.error };
const CHARGE = {
  amount: 1900,
  currency: 'usd',
  customerId: 'c',
  paymentMethod: 'pm_card_visa',
  description: '',
};

/**
 * @param {{ waiting: number, stripe: { url: string, goDown(): void, comeBack(): void, arrivals: { atMs: number, status: number }[] } }} options
 * @returns what came of it: healthy runs a second before and during the outage, and how the others came back
 */
export async function rideOutBacklog({ waiting, stripe }) {
  const redis = await startRedis();
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  const store = redisStore({ connection });
  const guard = createGuard({ provider: 'payment', account: stripe.url, store, longestCallMs: 40_000 });
  const payments = stripePayments({ url: stripe.url, key: 'sk_test' }, guard);
  const any = { version: 1, input: z.unknown(), output: z.unknown() };
  const pays = defineFlow({
    ...{ ...any, name: 'pays' },
    run: (ctx) => ctx.step('charge', { run: (call) => payments.charge(CHARGE, call), whenInDoubt: 'repeat' }),
  });
  const healthy = defineFlow({
    ...{ ...any, name: 'healthy' },
    async run(ctx) {
      for (const name of ['a', 'b', 'c']) await ctx.step(name, { run: async () => 1, whenInDoubt: 'repeat' });
    },
  });
  const flows = [pays, healthy];
  const client = createClient({ connection, flows });
  let ended = 0;
  const observer = {
    ended: ({ flow }) => {
      if (flow === 'healthy') ended += 1;
    },
  };
  const worker = startWorker({ connection, redisUrls: [redis.url], flows, log: quiet, observer });
  const submit = (flow, key) =>
    client.submit({ flow, input: {}, tenant: 't', idempotencyKey: key, fingerprint: key });
  /** Healthy runs over so long, a second and a second of this process' CPU time, with a queue that never runs empty. */
  let submitted = 0;
  const throughput = async (seconds) => {
    const until = Date.now() + seconds * 1_000;
    const before = ended;
    const startedAt = Date.now();
    const cpuBefore = process.cpuUsage();
    const lane = async () => {
      while (Date.now() < until) {
        if (submitted - ended > 400) await delay(5);
        else await submit('healthy', `healthy-${submitted++}`);
      }
    };
    await Promise.all(Array.from({ length: 20 }, lane));
    const { user, system } = process.cpuUsage(cpuBefore);
    return {
      perSecond: (ended - before) / ((Date.now() - startedAt) / 1_000),
      perCpuSecond: (ended - before) / ((user + system) / 1_000_000),
    };
  };
  try {
    await throughput(5);
    const before = await throughput(15);
    stripe.goDown();
    for (let from = 0; from < waiting; from += 500)
      await Promise.all(Array.from({ length: 500 }, (_, n) => submit('pays', `pay-${from + n}`)));
    // until all of them have been turned away once
    for (;;) {
      const { suspended } = await countOf(connection, 'pays');
      if (suspended >= waiting) break;
      await delay(500);
    }
    const during = await throughput(20);
    const backAt = Date.now();
    stripe.comeBack();
    await delay(30_000);
    const after = stripe.arrivals.filter(({ atMs, status }) => atMs > backAt && status === 200);
    const seconds = Array.from({ length: 30 }, (_, s) => {
      const from = backAt + s * 1_000;
      return after.filter(({ atMs }) => atMs >= from && atMs < from + 1_000).length;
    });
    const refused = stripe.arrivals.filter(({ atMs, status }) => atMs > backAt && status === 429).length;
    return { before, during, busiestSecond: Math.max(...seconds), refused, after: after.length };
  } finally {
    await worker.close('0s');
    await Promise.all([payments.close(), guard.close(), client.close()]);
    connection.disconnect();
    await redis.stop();
  }
}

async function countOf(connection, flow) {
  return { suspended: await connection.zcard(`{hf0}:${flow}:delayed`) };
}
