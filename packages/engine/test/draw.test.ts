import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow, RejectedError } from '../src/index.ts';
import { startSystem, type TestSystem } from './system.ts';

const pot = defineFlow({
  name: 'pot',
  version: 1,
  input: z.unknown(),
  output: z.unknown(),
  run: async () => null,
});
const taker = defineFlow({
  name: 'taker',
  version: 1,
  input: z.boolean(),
  output: z.unknown(),
  run: (ctx, fails) =>
    ctx.step('take', {
      run: async () => {
        if (fails) throw new RejectedError({ code: 'no', message: 'no' });
      },
      whenInDoubt: 'repeat',
    }),
});
/** Takes, and then waits for good. */
const keeper = defineFlow({
  name: 'keeper',
  version: 1,
  input: z.enum(['can_undo', 'cannot_undo', 'stands']),
  output: z.unknown(),
  async run(ctx, how) {
    await ctx.step('take', {
      run: async () => {},
      ...(how === 'can_undo' && { undo: async () => {} }),
      ...(how === 'stands' && { undo: async () => 'stands' as const }),
      whenInDoubt: 'repeat',
    });
    await ctx.waitFor('nothing');
  },
});

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem([pot, taker, keeper]);
  system.startWorker();
});
afterAll(() => system.close());

const draw = (from: string, key: string, amount: number, fails = false) =>
  system.client.submitDrawing(
    { flow: 'taker', input: fails, tenant: 't', idempotencyKey: key, fingerprint: key },
    { from, amount, limit: 100 },
  );

async function filledPot() {
  const id = await system.submit(pot, null);
  await system.runWith(id, 'completed');
  return id;
}

it('never gives out more than there is, however many ask at once, and each key once', async () => {
  const from = await filledPot();
  const replies = await Promise.all(
    Array.from({ length: 50 }, (_, n) => draw(from, `${from}-${n % 25}`, 10)),
  );
  const ids = new Set(replies.flatMap((reply) => ('run' in reply ? [reply.run.id] : [])));
  expect(ids.size).toBe(10);
  expect(replies.filter((reply) => reply.outcome === 'draw_exceeds')).toHaveLength(30);
  for (const id of ids) await system.runWith(id, 'completed');
  expect(await system.client.getRun('t', from)).toMatchObject({ drawn: 100, settled: 100 });
});

it('gives back what a run drew that failed, and refuses a source that has not completed', async () => {
  const from = await filledPot();
  const reply = await draw(from, `${from}-fails`, 60, true);
  if (!('run' in reply)) throw new Error(reply.outcome);
  await system.runWith(reply.run.id, 'failed');
  expect(await system.client.getRun('t', from)).toMatchObject({ drawn: 0, settled: 0 });
  expect(await system.client.rerun('t', reply.run.id)).toBe('drawn');
  expect((await draw(from, `${from}-again`, 100)).outcome).toBe('created');
  expect(await draw(from, `${from}-more`, 1)).toEqual({ outcome: 'draw_exceeds', left: 0 });
  expect((await draw('run_none', 'nobody', 1)).outcome).toBe('source_not_completed');
});

it.each([
  ['can_undo', { drawn: 0, settled: 0 }],
  ['cannot_undo', { drawn: 60, settled: 60 }],
  ['stands', { drawn: 60, settled: 60 }],
] as const)('what a cancelled run took that it %s', async (how, left) => {
  const from = await filledPot();
  const reply = await system.client.submitDrawing(
    { flow: 'keeper', input: how, tenant: 't', idempotencyKey: `${from}-${how}`, fingerprint: how },
    { from, amount: 60, limit: 100 },
  );
  if (!('run' in reply)) throw new Error(reply.outcome);
  await system.runWith(reply.run.id, 'suspended');
  expect(await system.client.cancel('t', reply.run.id)).toBe('cancelling');
  await system.runWith(reply.run.id, 'cancelled');
  expect(await system.client.getRun('t', from)).toMatchObject(left);
});
