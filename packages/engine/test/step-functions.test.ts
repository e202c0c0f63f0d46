import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineFlow, type FlowContext, RejectedError } from '../src/index.ts';
import { startSystem, type TestSystem } from './system.ts';

const Input = z.strictObject({ how: z.string() });

const plain = defineFlow({
  name: 'plain',
  version: 1,
  input: Input,
  output: z.number(),
  run(ctx, { how }) {
    const double = ctx.step('double', { run: () => 21 * 2, undo: () => 'stands' });
    if (how === 'returns') return double;
    return double.then(() => {
      throw new RejectedError({ code: 'no', message: 'No.' });
    });
  },
});

const nested: Record<string, (ctx: FlowContext) => unknown> = {
  step: (ctx) => ctx.step('inner', { run: () => 1 }),
  sleep: (ctx) => ctx.sleep('1s'),
  signal: (ctx) => ctx.waitFor('approved'),
  child: (ctx) => ctx.runChild('child', { flow: plain, input: { how: 'returns' } }),
};

const misused = defineFlow({
  name: 'misused',
  version: 1,
  input: Input,
  output: z.unknown(),
  run: (ctx, { how }) => ctx.step('outer', { whenInDoubt: 'repeat', run: async () => nested[how]?.(ctx) }),
});

/** How a step's function may come to the context late. */
const late: Record<string, (use: () => unknown) => unknown> = {
  'an await': async (use) => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return use();
  },
  'a callback': (use) =>
    new Promise((resolve, reject) => {
      setTimeout(() => {
        try {
          resolve(use());
        } catch (error) {
          reject(error);
        }
      }, 5);
    }),
  'a look-up': (use) => use(),
};

const misusedLate = defineFlow({
  name: 'misused-late',
  version: 1,
  input: Input,
  output: z.unknown(),
  run: (ctx, { how }) => {
    const [after = '', what = ''] = how.split(': ');
    const use = () => late[after]?.(() => nested[what]?.(ctx));
    return ctx.step('outer', {
      retry: { attempts: 1 },
      run: after === 'a look-up' ? () => Promise.reject(new Error('lost')) : use,
      ...(after === 'a look-up' ? { find: use as never, settleFor: 0 } : { whenInDoubt: 'repeat' as const }),
    });
  },
});

/** A flow that goes on from what a step has resolved, beside that step. */
const beside = defineFlow({
  name: 'beside',
  version: 1,
  input: Input,
  output: z.unknown(),
  async run(ctx) {
    const queue = [() => ctx.step('second', { whenInDoubt: 'repeat', run: async () => 2 })];
    const [first, second] = await Promise.all([
      ctx.step('first', { whenInDoubt: 'repeat', run: async () => 1 }),
      ctx.step('zeroth', { whenInDoubt: 'repeat', run: async () => 0 }).then(() => queue.pop()?.()),
    ]);
    return [first, second];
  },
});

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem([plain, misused, misusedLate, beside]);
  system.startWorker();
});
afterAll(() => system.close());

describe('functions that return no promise', () => {
  test('are a flow and a step like any other', async () => {
    const run = await system.runWith(await system.submit(plain, { how: 'returns' }), 'completed');
    expect(run.output).toBe(42);
  });

  test('undo', async () => {
    const run = await system.runWith(await system.submit(plain, { how: 'refuses' }), 'failed');
    expect(run.steps).toMatchObject([{ name: 'double', status: 'completed' }]);
  });
});

test.each(Object.keys(nested))('a %s inside a step is a bug that says where it belongs', async (how) => {
  const run = await system.runWith(await system.submit(misused, { how }), 'dead');
  expect(run.error).toMatchObject({ kind: 'bug', code: 'ctx_inside_step', step: 'outer' });
  expect(run.error?.message).toMatch(/inside step "outer".*after that step/);
});

test.each(Object.keys(late).flatMap((after) => Object.keys(nested).map((what) => `${after}: ${what}`)))(
  'inside a step it is found after %s, too',
  async (how) => {
    const run = await system.runWith(await system.submit(misusedLate, { how }), 'dead');
    expect(run.error).toMatchObject({ kind: 'bug', code: 'ctx_inside_step', step: 'outer' });
  },
);

test('what a flow does once a step is over is not inside of it', async () => {
  const run = await system.runWith(await system.submit(beside, { how: '' }), 'completed');
  expect(run.output).toEqual([1, 2]);
});
