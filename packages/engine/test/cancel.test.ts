import { waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow } from '../src/index.ts';
import { startSystem, type TestSystem } from './system.ts';

const seen: string[] = [];
let release: (() => void) | undefined;

const held = () => ({
  run: async () => {
    await new Promise<void>((resolve) => (release = resolve));
    seen.push('held');
  },
  undo: async () => void seen.push('undo held'),
  whenInDoubt: 'repeat' as const,
});
const quick = (name: string) => ({
  run: async () => void seen.push(name),
  undo: async () => void seen.push(`undo ${name}`),
  whenInDoubt: 'repeat' as const,
});

const beside = defineFlow({
  name: 'beside',
  version: 1,
  input: z.unknown(),
  output: z.unknown(),
  async run(ctx) {
    const slow = ctx.step('held', held());
    await ctx.step('quick', quick('quick'));
    await ctx.waitFor('more');
    await ctx.step('next', quick('next'));
    await slow;
  },
});

/** Breaks off behind a step that has its effect, on every drive. */
const buggy = defineFlow({
  name: 'buggy',
  version: 1,
  input: z.enum(['at once', 'behind a step']),
  output: z.unknown(),
  async run(ctx, when) {
    if (when === 'behind a step') await ctx.step('paid', quick('paid'));
    throw new TypeError('x is undefined');
  },
});

/** Today's code does not come to the step that was done. */
let deployed: 'before' | 'after' = 'before';
const changed = defineFlow({
  name: 'changed',
  version: 1,
  input: z.unknown(),
  output: z.unknown(),
  async run(ctx) {
    if (deployed === 'before') await ctx.step('paid', quick('paid'));
    throw new TypeError('x is undefined');
  },
});

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem([beside, buggy, changed]);
  system.startWorker();
});
afterAll(() => system.close());

it('a cancel lets the step that is under way end, starts no other, and undoes both', async () => {
  const runId = await system.submit(beside, null);
  const finish = await waitFor(() => release, { what: 'the step to be under way' });
  expect(await system.client.cancel('t', runId)).toBe('cancelling');
  expect(await system.client.cancel('t', runId)).toBe('cancelling');
  await system.client.signal('t', runId, { id: 'm', name: 'more', payload: null });
  finish();
  await system.runWith(runId, 'cancelled');
  expect(seen).toEqual(['quick', 'held', 'undo held', 'undo quick']);
  expect(await system.client.cancel('t', runId)).toBe('run_finished');
});

it('a run that died of a bug is given up: what was done is undone', async () => {
  seen.length = 0;
  const runId = await system.submit(buggy, 'behind a step');
  await system.runWith(runId, 'dead');
  expect(await system.client.cancel('t', runId)).toBe('cancelling');
  const run = await system.runWith(runId, 'cancelled');
  expect(run.steps).toMatchObject([{ name: 'paid', status: 'compensated' }]);
  expect(seen).toEqual(['paid', 'undo paid']);

  const early = await system.submit(buggy, 'at once');
  await system.runWith(early, 'dead');
  await system.client.cancel('t', early);
  await system.runWith(early, 'cancelled');
});

it('a bug before what was done keeps a cancelled run dead: nobody knows how to undo it', async () => {
  deployed = 'before';
  seen.length = 0;
  const runId = await system.submit(changed, null);
  const { deaths, undoing } = await system.runWith(runId, 'dead');
  expect(undoing).toBeUndefined();
  deployed = 'after';
  await system.client.cancel('t', runId);
  const run = await system.runThat(runId, (r) => r.status === 'dead' && r.deaths > deaths, 'dead again');
  expect(run).toMatchObject({ status: 'dead', undoing: true, steps: [{ status: 'completed' }] });
  deployed = 'before';
  await system.client.redrive('t', runId);
  await system.runWith(runId, 'cancelled');
  expect(seen).toEqual(['paid', 'undo paid']);
});
