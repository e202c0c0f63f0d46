import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow, type FlowContext, InDoubtError, RejectedError } from '../src/index.ts';
import { createDriver, keys } from '../src/testing.ts';
import { quietLog, startSystem, type TestSystem } from './system.ts';

const seen: string[] = [];

function letters(version: number, run: (ctx: FlowContext) => Promise<unknown>) {
  return defineFlow({ name: 'letters', version, input: z.unknown(), output: z.unknown(), run });
}

const step = (ctx: FlowContext, name: string) =>
  ctx.step(name, { run: async () => void seen.push(name), whenInDoubt: 'repeat' });

const waitsBetween = (first: string, second: string) => async (ctx: FlowContext) => {
  await step(ctx, first);
  await ctx.waitFor('go');
  await step(ctx, second);
  return second;
};

let system: TestSystem;
beforeEach(async () => {
  seen.length = 0;
  system = await startSystem([letters(1, waitsBetween('a', 'b'))]);
});
afterEach(() => system.close());

const go = (runId: string) => system.client.signal('t', runId, { id: 'go', name: 'go', payload: null });
const waiting = (runId: string) => system.runWith(runId, 'suspended');

it('a run keeps the version it began with, beside newer ones', async () => {
  system.startWorker({ flows: [letters(1, waitsBetween('a', 'b')), letters(2, waitsBetween('x', 'y'))] });
  const runId = await system.submit(letters(1, waitsBetween('a', 'b')), null);
  await waiting(runId);
  await go(runId);
  expect((await system.runWith(runId, 'completed')).output).toBe('b');
});

it('a worker that lacks the version leaves the run to one that has it', async () => {
  const newer = system.startWorker({ flows: [letters(2, waitsBetween('x', 'y'))] });
  const runId = await system.submit(letters(1, waitsBetween('a', 'b')), null);
  await go(runId);
  system.startWorker();
  expect((await system.runWith(runId, 'completed')).output).toBe('b');
  expect(seen).toEqual(['a', 'b']);
  await newer.close();
});

it('a run whose version nobody has is offered less and less often, and said once', async () => {
  const warned: object[] = [];
  const log = { ...quietLog, warn: (facts: object) => void warned.push(facts) };
  const { connection } = system;
  const driver = createDriver({ connection, flows: [letters(2, waitsBetween('x', 'y'))], log });
  const runId = await system.submit(letters(1, waitsBetween('a', 'b')), null);
  const since = async (ms: number) => {
    await connection.hset(keys.run(runId), 'updatedAt', Date.now() - ms);
    return driver.drive(runId);
  };
  expect(await since(0)).toEqual({ kind: 'parks', delayMs: 1_000 });
  const later = await since(100_000);
  expect(later).toMatchObject({ kind: 'parks' });
  expect('delayMs' in later && Math.round(later.delayMs / 1_000)).toBe(10);
  expect(await since(60 * 60_000)).toEqual({ kind: 'parks', delayMs: 30_000 });
  // nor does the sweeper wake it before
  expect(Number(await connection.zscore(keys.alarms, runId))).toBeGreaterThan(Date.now() + 30_000);
  expect(warned).toEqual([{ run: runId, version: 'letters@1' }]);
  await driver.close();
});

it.each([
  ['renamed', waitsBetween('A', 'b')],
  [
    'put before',
    async (ctx: FlowContext) => {
      await step(ctx, 'new');
      return waitsBetween('a', 'b')(ctx);
    },
  ],
  [
    'taken out',
    async (ctx: FlowContext) => {
      await ctx.waitFor('go');
      return step(ctx, 'b');
    },
  ],
])(
  'a step that was %s under a run parks it as dead before anything is called; the old code back, it goes on',
  async (_how, changed) => {
    const old = system.startWorker();
    const runId = await system.submit(letters(1, waitsBetween('a', 'b')), null);
    await waiting(runId);
    await old.close();
    const updated = system.startWorker({ flows: [letters(1, changed)] });
    await go(runId);
    const dead = await system.runWith(runId, 'dead');
    expect(dead.error).toMatchObject({ kind: 'incompatible_flow', code: 'incompatible_flow' });
    expect(dead.error.message).toContain('"a"');
    expect(seen).toEqual(['a']);
    await updated.close();

    system.startWorker();
    expect(await system.client.redrive('t', runId)).toBe('redriven');
    await system.runWith(runId, 'completed');
    expect(seen).toEqual(['a', 'b']);
  },
);

it.each([
  ['retrying', 'whenInDoubt: repeat'],
  ['undoing', 'beside a refusal'],
])(
  'a step that was renamed while it was in doubt is not called under its new name (%s, %s)',
  async (when) => {
    const calls: string[] = [];
    const shop = (name: string) =>
      letters(1, async (ctx) => {
        await Promise.all([
          ctx.step(name, {
            run: async () => {
              calls.push(name);
              throw new InDoubtError({ code: 'lost', message: 'lost', retryAfter: '600ms' });
            },
            undo: async () => {},
            whenInDoubt: 'repeat',
          }),
          ctx.step('beside', {
            run: async () => {
              if (when === 'undoing') throw new RejectedError({ code: 'no', message: 'no' });
            },
            whenInDoubt: 'repeat',
          }),
        ]);
      });
    const old = system.startWorker({ flows: [shop('buy')] });
    const runId = await system.submit(shop('buy'), null);
    await system.runThat(
      runId,
      (run) => run.status === (when === 'undoing' ? 'compensating' : 'suspended'),
      'waiting',
    );
    await old.close();
    system.startWorker({ flows: [shop('purchase')] });
    const dead = await system.runWith(runId, 'dead');
    expect(dead.error).toMatchObject({ kind: 'incompatible_flow', step: 'buy' });
    expect(new Set(calls)).toEqual(new Set(['buy']));
  },
);

it('a rerun begins anew as the next generation, with the latest version', async () => {
  system.startWorker();
  const runId = await system.submit(letters(1, waitsBetween('a', 'b')), null);
  expect(await system.client.rerun('t', runId)).toBe('not_finished');
  await go(runId);
  const first = await system.runWith(runId, 'completed');
  expect(await Promise.all([system.client.rerun('t', runId), system.client.rerun('t', runId)])).toEqual([
    'rerun',
    'rerun',
  ]);
  await waiting(runId);
  await go(runId);
  const second = await system.runThat(
    runId,
    (run) => run.status === 'completed' && run.generation === 2,
    'rerun',
  );
  expect(second.createdAt).toBe(first.createdAt);
  expect(seen).toEqual(['a', 'b', 'a', 'b']);
});
