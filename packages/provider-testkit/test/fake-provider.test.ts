import {
  createClient,
  defineFlow,
  type Flow,
  InDoubtError,
  RejectedError,
  type Run,
  startWorker,
} from '@holdfast/engine';
import { defineProvider, lookUp, operation } from '@holdfast/project';
import { startRedis } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { fakeProvider } from '../src/index.ts';

const labels = defineProvider({
  name: 'labels',
  auth: 'bearer',
  errors: z.object({ error: z.string() }).transform(({ error }) => ({ code: error })),
  operations: {
    buy: operation({
      request: (to: string) => ({ method: 'POST', path: '/labels', body: { json: { to } } }),
      answer: z.object({ id: z.string() }),
    }),
    find: lookUp({
      request: () => ({ method: 'GET', path: '/labels' }),
      answer: z.array(z.object({ id: z.string() })),
      matches: (found) => found,
    }),
  },
});

const ship = defineFlow({
  name: 'ship',
  version: 1,
  input: z.string(),
  output: z.string(),
  async run(ctx, to) {
    const label = await ctx.step('ship', {
      run: (call) => labels.buy(call, to),
      find: (call) => labels.find(call),
      settleFor: 0,
      retry: { first: 1, max: 5 },
    });
    return label.id;
  },
});

async function run(input: string, flow: Flow = ship): Promise<Run | undefined> {
  const redis = await startRedis();
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  const client = createClient({ connection, flows: [flow] });
  const log = { debug() {}, info() {}, warn() {}, error() {} };
  const worker = startWorker({ connection, redisUrls: [redis.url], flows: [flow], log });
  onTestFinished(async () => {
    await worker.close();
    await client.close();
    connection.disconnect();
    await redis.stop();
  });
  const reply = await client.submit({
    flow: flow.name,
    input,
    tenant: 't',
    idempotencyKey: 'k',
    fingerprint: 'k',
  });
  if (reply.outcome === 'key_reused') throw new Error('key reused');
  return client.waitForEnd('t', reply.run.id, 10_000);
}

it('answers a flow from its script, in sequence, and counts the calls', async () => {
  const fake = fakeProvider(labels, {
    buy: ['time-out', { result: { id: 'l_2' } }],
    find: ['time-out', { result: { outcome: 'none' } }],
  });
  onTestFinished(fake.release);
  expect(await run('Springfield')).toMatchObject({ status: 'completed', output: 'l_2' });
  expect(fake.count('buy')).toBe(2);
  expect(fake.count('find')).toBe(2);
  expect(fake.count()).toBe(4);
  const [first, last] = fake.calls.filter(({ operation: name }) => name === 'buy');
  expect(first).toMatchObject({ input: 'Springfield', attempt: 1 });
  expect(last?.idempotencyKey).toBe(first?.idempotencyKey);
});

it('fails as its script says', async () => {
  const fake = fakeProvider(labels, {
    buy: [{ failure: new RejectedError({ code: 'invalid_address', message: 'no such place' }) }],
  });
  onTestFinished(fake.release);
  expect(await run('nowhere')).toMatchObject({ status: 'failed', error: { code: 'invalid_address' } });
});

it('says that its script is too short', async () => {
  const fake = fakeProvider(labels, { buy: ['time-out'] });
  onTestFinished(fake.release);
  const dead = await run('Springfield');
  expect(dead).toMatchObject({ status: 'dead' });
  expect(JSON.stringify(dead)).toContain('`labels.find` was called 1 times, and its script has 0 answers');
});

it('is gone once it is released, and knows only operations that there are', async () => {
  const fake = fakeProvider(labels, { buy: ['time-out'] });
  const call = {
    ...{ idempotencyKey: 'k', reference: 'r', runId: 'run_1', generation: 1, step: 's', attempt: 1 },
    ...{ startedAt: 0, signal: new AbortController().signal },
  };
  await expect(labels.buy(call, 'x')).rejects.toBeInstanceOf(InDoubtError);
  fake.release();
  await expect(labels.buy(call, 'x')).rejects.toThrow(/not connected/);
  expect(() => Reflect.apply(fakeProvider, undefined, [labels, { sell: [] }])).toThrow(/no operation `sell`/);
});

it('stands on its own for flows that are given what they call', async () => {
  const fake = fakeProvider({ charge: ['time-out', { result: { chargeId: 'ch_1' } }] });
  const pay = defineFlow({
    ...{ name: 'pay', version: 1, input: z.string(), output: z.string() },
    async run(ctx, amount) {
      const charge = await ctx.step('charge', {
        run: (call) => fake.operations.charge(call, amount),
        whenInDoubt: 'repeat',
        retry: { first: 1, max: 5 },
      });
      return charge.chargeId;
    },
  });
  expect(await run('5', pay)).toMatchObject({ status: 'completed', output: 'ch_1' });
  expect(fake.calls).toMatchObject([{ input: '5', attempt: 1 }, { attempt: 2 }]);
});
