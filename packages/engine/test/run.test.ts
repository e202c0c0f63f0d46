import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow, InDoubtError, RejectedError, UnavailableError } from '../src/index.ts';
import { startSystem, type TestSystem } from './system.ts';

/** What the outside saw, in order. */
const seen: string[] = [];
/** What the outside does next, by step; nothing means that it works. */
const script = new Map<string, (() => void)[]>();

function outside(
  step: string,
): (call: { idempotencyKey: string; attempt: number }) => Promise<{ id: string }> {
  return async (call) => {
    seen.push(`${step} ${call.idempotencyKey.split(':').slice(1).join(':')} #${call.attempt}`);
    script.get(step)?.shift()?.();
    return { id: `${step}-1` };
  };
}

const trip = defineFlow({
  name: 'trip',
  version: 1,
  input: z.strictObject({ n: z.number() }),
  output: z.strictObject({ ids: z.array(z.string()) }),
  async run(ctx) {
    const a = await ctx.step('a', {
      run: outside('a'),
      undo: async (r, call) => void (await outside(`undo-a(${r.id})`)(call)),
      whenInDoubt: 'repeat',
    });
    const b = await ctx.step('b', {
      run: outside('b'),
      undo: async (_r, call) => void (await outside('undo-b')(call)),
      whenInDoubt: 'repeat',
    });
    const c = await ctx.step('c', {
      run: outside('c'),
      settleFor: 0,
      whenInDoubt: async (call) => {
        seen.push(`look-c #${call.attempt}`);
        return script.has('c-found') ? { outcome: 'found', result: { id: 'c-found' } } : { outcome: 'none' };
      },
    });
    return { ids: [a.id, b.id, c.id] };
  },
});

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem([trip]);
  system.startWorker();
});
afterAll(() => system.close());

function begin(steps: Record<string, (() => void)[]> = {}) {
  seen.length = 0;
  script.clear();
  for (const [step, faults] of Object.entries(steps)) script.set(step, faults);
  return system.submit(trip, { n: 1 });
}

const fail = (error: Error) => () => {
  throw error;
};

it('runs each step once and completes', async () => {
  const run = await system.runWith(await begin(), 'completed');
  expect(run.output).toEqual({ ids: ['a-1', 'b-1', 'c-1'] });
  expect(seen).toEqual(['a 1:a #1', 'b 1:b #1', 'c 1:c #1']);
  expect(run.steps.map((s) => [s.name, s.status, s.attempts])).toEqual([
    ['a', 'completed', 1],
    ['b', 'completed', 1],
    ['c', 'completed', 1],
  ]);
});

it('undoes in reverse order what was done when a later step is rejected', async () => {
  const no = new RejectedError({ code: 'out_of_stock', message: 'none left', details: { sku: 'TEE' } });
  const run = await system.runWith(await begin({ c: [fail(no)] }), 'failed');
  expect(run.error).toMatchObject({
    kind: 'rejected',
    code: 'out_of_stock',
    step: 'c',
    details: { sku: 'TEE' },
  });
  expect(seen.slice(3)).toEqual(['undo-b 1:b:undo #1', 'undo-a(a-1) 1:a:undo #1']);
  expect(run.steps.map((s) => s.status)).toEqual(['compensated', 'compensated', 'failed']);
});

it('fails at once when there is nothing to undo', async () => {
  const no = new RejectedError({ code: 'card_declined', message: 'no' });
  const run = await system.runWith(await begin({ a: [fail(no)] }), 'failed');
  expect(run.error).toMatchObject({ code: 'card_declined', step: 'a' });
});

it('tries again under the same key, and undoes are retried like steps', async () => {
  const away = new UnavailableError({ code: 'refused', message: 'away' });
  const no = new RejectedError({ code: 'no', message: 'no' });
  const run = await system.runWith(
    await begin({ b: [fail(away), fail(away)], c: [fail(no)], 'undo-b': [fail(away)] }),
    'failed',
  );
  expect(seen).toEqual([
    'a 1:a #1',
    'b 1:b #1',
    'b 1:b #2',
    'b 1:b #3',
    'c 1:c #1',
    'undo-b 1:b:undo #1',
    'undo-b 1:b:undo #2',
    'undo-a(a-1) 1:a:undo #1',
  ]);
  expect(run.steps[1]).toMatchObject({ name: 'b', status: 'compensated', attempts: 3 });
});

it('looks an effect in doubt up before it runs it again', async () => {
  const lost = new InDoubtError({ code: 'reset', message: 'lost' });
  await system.runWith(await begin({ c: [fail(lost)] }), 'completed');
  expect(seen.slice(2)).toEqual(['c 1:c #1', 'look-c #1', 'c 1:c #2']);

  const found = await system.runWith(await begin({ c: [fail(lost)], 'c-found': [] }), 'completed');
  expect(seen.slice(2)).toEqual(['c 1:c #1', 'look-c #1']);
  expect(found.output).toEqual({ ids: ['a-1', 'b-1', 'c-found'] });
});

it('is dead, uncompensated, when the attempts are used up', async () => {
  const away = new UnavailableError({ code: 'refused', message: 'away' });
  const run = await system.runWith(await begin({ b: Array.from({ length: 8 }, () => fail(away)) }), 'dead');
  expect(run.error).toMatchObject({ kind: 'exhausted', code: 'refused', step: 'b' });
  expect(run.steps.map((s) => [s.name, s.status, s.attempts])).toEqual([
    ['a', 'completed', 1],
    ['b', 'failed', 8],
  ]);
});

it('is dead at once by a bug', async () => {
  const run = await system.runWith(await begin({ b: [fail(new TypeError('x is undefined'))] }), 'dead');
  expect(run.error).toMatchObject({ kind: 'bug', code: 'type_error', step: 'b', message: 'x is undefined' });
});
