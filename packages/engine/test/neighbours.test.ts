import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow, type FlowContext, RejectedError, type Run } from '../src/index.ts';
import { createDriver, type Driver } from '../src/testing.ts';
import { quietLog, startSystem } from './system.ts';

/** What the flow does, by the name of the input. */
const cases: Record<string, (ctx: FlowContext) => Promise<unknown>> = {};
const any = defineFlow({
  name: 'any',
  version: 1,
  input: z.string(),
  output: z.unknown(),
  run: (ctx, name) => cases[name]?.(ctx) ?? Promise.resolve(null),
});

const later = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const no = () => Promise.reject(new RejectedError({ code: 'no', message: 'no' }));

describe('a flow that does not await as it should', () => {
  let redis: TestRedis;
  let connection: Redis;
  let driver: Driver;
  let seen: string[] = [];
  const warned: string[] = [];
  const stray: unknown[] = [];
  const onStray = (reason: unknown) => void stray.push(reason);

  beforeAll(async () => {
    redis = await startRedis();
    connection = new Redis(redis.url, { maxRetriesPerRequest: null });
    const log = { ...quietLog, warn: (_facts: object, message: string) => void warned.push(message) };
    driver = createDriver({ connection, flows: [any], log });
    process.on('unhandledRejection', onStray);
  });
  afterAll(async () => {
    process.off('unhandledRejection', onStray);
    await driver.close();
    connection.disconnect();
    await redis.stop();
    expect(stray).toEqual([]);
  });

  const effect = (name: string) => ({
    run: async () => void seen.push(name),
    undo: async () => void seen.push(`undo ${name}`),
    whenInDoubt: 'repeat' as const,
  });

  async function begin(name: string, flow: (ctx: FlowContext) => Promise<unknown>): Promise<string> {
    seen = [];
    cases[name] = flow;
    return driver.submit(any, name, name);
  }

  async function driveToItsEnd(runId: string): Promise<Run> {
    return waitFor(
      async () => {
        await driver.drive(runId);
        const run = await driver.read(runId);
        return run && ['completed', 'failed', 'cancelled', 'dead'].includes(run.status) ? run : undefined;
      },
      { what: 'the run to be over' },
    );
  }

  it.each([
    ['a step', (ctx: FlowContext) => ctx.step('b', { run: no, whenInDoubt: 'repeat' })],
    ['a wait', (ctx: FlowContext) => ctx.waitFor('never', { timeout: 0 })],
    ['a child run', (ctx: FlowContext) => ctx.runChild('b', { flow: any, input: 'a child that fails' })],
  ])('is compensated with a rejection of %s that comes before it is awaited', async (what, rejects) => {
    cases['a child that fails'] = () => no();
    const runId = await begin(`early ${what}`, async (ctx) => {
      const a = ctx.step('a', { ...effect('a'), run: () => later(50).then(() => seen.push('a')) });
      const b = rejects(ctx);
      await a;
      return b;
    });
    const over = await waitFor(
      async () => {
        await driver.deliver('any');
        const run = await driver.read(runId);
        return run?.status === 'failed' ? run : undefined;
      },
      { what: 'the run to fail' },
    );
    expect(over.status).toBe('failed');
    expect(seen).toEqual(['a', 'undo a']);
  });

  it.each([
    ['sleep', (ctx: FlowContext) => ctx.sleep('soon' as '1s')],
    ['waitFor', (ctx: FlowContext) => ctx.waitFor('go', { timeout: -1 })],
  ])('is dead by a duration of %s that is none, though nobody awaits it', async (name, asks) => {
    const runId = await begin(`bad ${name}`, async (ctx) => {
      void asks(ctx);
      await ctx.step('a', effect('a'));
    });
    expect(await driveToItsEnd(runId)).toMatchObject({ status: 'dead', error: { kind: 'bug' } });
  });

  it('starts nothing once its drive is over, and says so', async () => {
    const runId = await begin('branch', (ctx) =>
      Promise.all([
        ctx.waitFor('go'),
        (async () => {
          await later(60);
          await ctx.step('charge', effect('charge'));
        })(),
      ]),
    );
    await driver.drive(runId);
    await driver.cancel(runId);
    expect((await driveToItsEnd(runId)).status).toBe('cancelled');
    await later(150);
    expect(seen).toEqual([]);
    expect(warned.filter((message) => message.includes('step "charge"'))).not.toHaveLength(0);
  });

  it('is dead as what it is when it awaits something that is not of ctx, not as changed code', async () => {
    const runId = await begin('outside', async (ctx) => {
      const slow = (async () => {
        await later(60);
        return ctx.step('charge', effect('charge'));
      })();
      await ctx.step('long', { run: () => later(120), whenInDoubt: 'repeat' });
      await slow;
      await ctx.waitFor('go');
    });
    await driver.drive(runId);
    expect(seen).toEqual(['charge']);
    await driver.signal(runId, { id: 'go', name: 'go', payload: null });
    expect(await driveToItsEnd(runId)).toMatchObject({
      status: 'dead',
      error: { kind: 'bug', code: 'awaits_outside_ctx', step: 'charge' },
    });
    // it can be given up all the same
    await driver.cancel(runId);
    expect((await driveToItsEnd(runId)).status).toBe('cancelled');
    expect(seen).toEqual(['charge', 'undo charge']);
  });
});

it('a worker completes a thousand good runs beside those that misbehave', async () => {
  const good = defineFlow({
    name: 'good',
    version: 1,
    input: z.number(),
    output: z.number(),
    async run(ctx, n) {
      await ctx.step('one', { run: async () => n, whenInDoubt: 'repeat' });
      return ctx.step('two', { run: async () => n + 1, whenInDoubt: 'repeat' });
    },
  });
  const bad: Record<string, (ctx: FlowContext) => Promise<unknown>> = {
    'rejects early': async (ctx) => {
      const a = ctx.step('a', { run: () => later(30), whenInDoubt: 'repeat' });
      const b = ctx.step('b', { run: no, whenInDoubt: 'repeat' });
      await a;
      return b;
    },
    'awaits outside': (ctx) =>
      Promise.all([
        ctx.waitFor('never'),
        later(20).then(() => ctx.step('late', { run: async () => null, whenInDoubt: 'repeat' })),
      ]),
    'throws what is no error': (ctx) =>
      ctx.step('a', { run: () => Promise.reject(Object.create(null)), whenInDoubt: 'repeat' }),
    'has a step of a month': (ctx) =>
      ctx.step('a', { run: () => later(20), timeout: '30d', whenInDoubt: 'repeat' }),
    'sleeps for ages': (ctx) => ctx.sleep('90y'),
    'blocks the worker': (ctx) =>
      ctx.step('a', {
        run: async () => {
          const until = performance.now() + 300;
          while (performance.now() < until);
        },
        whenInDoubt: 'repeat',
      }),
  };
  Object.assign(cases, bad);
  const stray: unknown[] = [];
  const onStray = (reason: unknown) => void stray.push(reason);
  process.on('unhandledRejection', onStray);
  const system = await startSystem([good, any]);
  try {
    system.startWorker({ lock: '2s', stalledCheck: '1s' });
    const runIds: string[] = [];
    for (let n = 0; n < 1_000; n += 1) {
      runIds.push(await system.submit(good, n));
      const name = Object.keys(bad)[n % 50];
      if (name) await system.submit(any, name);
    }
    await waitFor(
      async () => {
        const left = await Promise.all(runIds.slice(-50).map((runId) => system.client.getRun('t', runId)));
        return left.every((run) => run?.status === 'completed');
      },
      { what: 'the last runs to complete', timeoutMs: 15_000 },
    );
    const runs = await Promise.all(runIds.map((runId) => system.client.getRun('t', runId)));
    expect(runs.filter((run) => run?.status !== 'completed')).toEqual([]);
    expect(stray).toEqual([]);
  } finally {
    process.off('unhandledRejection', onStray);
    await system.close();
  }
});
