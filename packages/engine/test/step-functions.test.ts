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

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem([plain, misused]);
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
