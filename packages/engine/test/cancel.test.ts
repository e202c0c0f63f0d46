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

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem([beside]);
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
