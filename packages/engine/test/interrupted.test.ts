import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import {
  defineFlow,
  type FlowContext,
  InDoubtError,
  RejectedError,
  type Run,
  UnavailableError,
} from '../src/index.ts';
import { createDriver, type Driver } from '../src/testing.ts';

/** What the flow does, by the name of the input. */
const cases: Record<string, (ctx: FlowContext) => Promise<unknown>> = {};
const any = defineFlow({
  name: 'any',
  version: 1,
  input: z.string(),
  output: z.unknown(),
  run: (ctx, name) => cases[name]?.(ctx) ?? Promise.resolve(null),
});

let redis: TestRedis;
let connection: Redis;
let driver: Driver;
let seen: string[] = [];
beforeAll(async () => {
  redis = await startRedis();
  connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  driver = createDriver({ connection, flows: [any] });
});
afterAll(async () => {
  await driver.close();
  connection.disconnect();
  await redis.stop();
});
beforeEach(() => {
  seen = [];
});

/** Drives the run, each time it may go on, until it is over. */
async function driveToItsEnd(name: string, flow: (ctx: FlowContext) => Promise<unknown>): Promise<Run> {
  cases[name] = flow;
  const runId = await driver.submit(any, name, name);
  return waitFor(
    async () => {
      await driver.drive(runId);
      const run = await driver.read(runId);
      return run && ['completed', 'failed', 'cancelled', 'dead'].includes(run.status) ? run : undefined;
    },
    { what: `${name} to be over` },
  );
}

const step = (name: string, meanwhile: () => unknown = () => {}) => ({
  run: async () => {
    seen.push(name);
    await meanwhile();
  },
  undo: async () => void seen.push(`undo ${name}`),
  whenInDoubt: 'repeat' as const,
});

/** Throws at the first call only. */
function once(error: Error): () => void {
  let thrown = false;
  return () => {
    if (thrown) return;
    thrown = true;
    throw error;
  };
}

const no = new RejectedError({ code: 'no', message: 'no', settlesDoubt: true });

it('goes on undoing where it was, and undoes nothing twice', async () => {
  const away = once(new UnavailableError({ code: 'away', message: 'away' }));
  const run = await driveToItsEnd('undoing', async (ctx) => {
    const undo = async () => {
      seen.push('undo a');
      away();
    };
    await ctx.step('a', { ...step('a'), undo });
    await ctx.step('b', step('b'));
    throw no;
  });
  expect(run.status).toBe('failed');
  expect(seen).toEqual(['a', 'b', 'undo b', 'undo a', 'undo a']);
});

it('finds out about an effect in doubt before it undoes the rest', async () => {
  const lost = once(new InDoubtError({ code: 'lost', message: 'lost' }));
  const run = await driveToItsEnd('doubt', async (ctx) => {
    await ctx.step('first', step('first'));
    await Promise.all([
      ctx.step('lost', step('lost', lost)),
      ctx.step('refused', {
        run: async () => {
          throw no;
        },
      }),
    ]);
  });
  expect(run.status).toBe('failed');
  expect(seen).toEqual(['first', 'lost', 'lost', 'undo lost', 'undo first']);
});

it('a cancel during the last step wins, and that step is recorded and undone like the others', async () => {
  const run = await driveToItsEnd('cancelled', async (ctx) => {
    await ctx.step('first', step('first'));
    await ctx.step(
      'last',
      step('last', () => driver.cancel(ctx.runId)),
    );
  });
  expect(run.status).toBe('cancelled');
  expect(seen).toEqual(['first', 'last', 'undo last', 'undo first']);
  expect(run.steps.map(({ name, status }) => [name, status])).toEqual([
    ['first', 'compensated'],
    ['last', 'compensated'],
  ]);
});

it('a replay gives the outcomes to the flow in the order in which they came', async () => {
  const run = await driveToItsEnd('order', async (ctx) => {
    const order: string[] = [];
    const noted = async (name: string, meanwhile: () => unknown) => {
      await ctx.step(name, step(name, meanwhile));
      order.push(name);
    };
    const turns = async (count: number) => {
      for (let turn = 0; turn < count; turn += 1) await new Promise(setImmediate);
    };
    await Promise.all([noted('a', () => turns(20)), noted('b', () => turns(10)), noted('c', () => turns(0))]);
    await ctx.sleep('20ms');
    return order;
  });
  expect(run).toMatchObject({ status: 'completed', output: ['c', 'b', 'a'] });
  expect(seen.toSorted()).toEqual(['a', 'b', 'c']);
});
