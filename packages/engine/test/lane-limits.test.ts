import { setTimeout as delay } from 'node:timers/promises';
import { waitFor } from '@holdfast/testkit';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow, RejectedError } from '../src/index.ts';
import { keys } from '../src/testing.ts';
import { startSystem, type TestSystem } from './system.ts';

const Input = z.object({ key: z.string(), ends: z.string().optional(), sleep: z.boolean().optional() });
let at: Map<string, number>;
let most: Map<string, number>;
let began: string[];

async function inside(runId: string, key: string): Promise<void> {
  began.push(runId);
  at.set(key, (at.get(key) ?? 0) + 1);
  most.set(key, Math.max(most.get(key) ?? 0, at.get(key) ?? 0));
  await new Promise((resolve) => setTimeout(resolve, 20));
  at.set(key, (at.get(key) ?? 0) - 1);
}

const flowOf = (name: string, limit: number | undefined) =>
  defineFlow({
    name,
    version: 1,
    input: Input,
    output: z.unknown(),
    ...(limit !== undefined && { lane: { key: ({ key }: z.infer<typeof Input>) => key, limit } }),
    async run(ctx, { key, ends, sleep }) {
      await ctx.step('first', {
        run: () => inside(ctx.runId, key),
        whenInDoubt: 'repeat',
        undo: async () => {},
      });
      if (sleep) await ctx.sleep(300);
      await ctx.step('second', { run: () => inside(ctx.runId, key), whenInDoubt: 'repeat' });
      if (ends === 'failed') throw new RejectedError({ code: 'no', message: 'no' });
      if (ends === 'dead') throw new Error('a bug');
    },
  });
const single = flowOf('single', 1);
const free = flowOf('free', undefined);

let system: TestSystem;
beforeEach(async () => {
  [at, most, began] = [new Map(), new Map(), []];
  system = await startSystem([single, free]);
});
afterEach(() => system.close());

const ended = async (runIds: readonly string[]) =>
  Promise.all(
    runIds.map(async (runId) => (await system.client.waitForEnd('t', runId, 60_000))?.status ?? 'gone'),
  );
const leftOver = () => system.connection.keys('{hf0}/lane*');

it('runs as many of a lane at once as its limit says, whatever becomes of them, and other lanes beside it', async () => {
  const inputs = ['completed', 'failed', 'dead'].flatMap((ends) =>
    [true, false].flatMap((sleep) => ['a', 'a', 'b'].map((key) => ({ key, ends, sleep }))),
  );
  const runIds = await Promise.all(inputs.map((input) => system.submit(single, input)));
  system.startWorker();
  system.startWorker();
  expect(await ended(runIds)).toEqual(inputs.map(({ ends }) => ends));
  expect(most).toEqual(
    new Map([
      ['a', 1],
      ['b', 1],
    ]),
  );
  await waitFor(async () => (await leftOver()).length === 0, { what: 'the lanes to be gone' });
}, 90_000);

it('says that a run waits for a place, and starts the one that came first', async () => {
  const { connection } = system;
  const runIds: string[] = [];
  for (let i = 0; i < 6; i += 1) {
    runIds.push(await system.submit(single, { key: 'a' }));
    // which came first is known to the millisecond
    await delay(2);
  }
  await connection.sadd(keys.laneHeld('single', 't/a'), 'run_of_somebody');
  system.startWorker();
  for (const runId of runIds)
    expect(await system.runWith(runId, 'suspended')).toMatchObject({ waitingFor: { kind: 'lane' } });
  // that somebody is no run: whoever waits finds out, and frees the place
  await connection.zadd(keys.alarms, 0, runIds[0] ?? '');
  expect(await ended(runIds)).toEqual(runIds.map(() => 'completed'));
  expect([...new Set(began)]).toEqual(runIds);
});

it('a run that waits for a place can be cancelled', async () => {
  await system.connection.sadd(keys.laneHeld('single', 't/a'), 'run_of_somebody');
  const runId = await system.submit(single, { key: 'a' });
  system.startWorker();
  await system.runWith(runId, 'suspended');
  await system.client.cancel('t', runId);
  expect(await ended([runId])).toEqual(['cancelled']);
  expect(began).toEqual([]);
});

it("bounds a tenant's runs over all flows", async () => {
  const runIds = await Promise.all(
    Array.from({ length: 8 }, (_, i) => system.submit(i % 2 ? single : free, { key: `k${i}` })),
  );
  let now = 0;
  let mostAtOnce = 0;
  const watch = setInterval(() => {
    now = [...at.values()].reduce((sum, each) => sum + each, 0);
    mostAtOnce = Math.max(mostAtOnce, now);
  }, 1);
  system.startWorker({ tenantConcurrency: 2 });
  system.startWorker({ tenantConcurrency: 2 });
  expect(await ended(runIds)).toEqual(runIds.map(() => 'completed'));
  clearInterval(watch);
  expect(mostAtOnce).toBeLessThanOrEqual(2);
  await waitFor(async () => (await leftOver()).length === 0, { what: 'the lanes to be gone' });
});

it('refuses lanes that cannot be', () => {
  const flow = { name: 'f', version: 1, input: z.unknown(), output: z.unknown(), run: () => 1 };
  for (const [lane, why] of [
    [{ key: () => 'a', limit: 0 }, 'lane.limit must be a whole number from 1'],
    [{ limit: 1 }, 'lane.key must be a function'],
    [{ key: () => 'a', weight: 2 }, 'no "weight"'],
  ] as const)
    expect(() => defineFlow({ ...flow, lane: lane as never })).toThrow(why);
});
