import { waitFor } from '@holdfast/testkit';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow, RejectedError, UnavailableError } from '../src/index.ts';
import { startSystem, type TestSystem } from './system.ts';

const seen: string[] = [];
let undoFails = true;

/** The left branch is refused while the right one is in its first step; its second step is not to start. */
const uneven = defineFlow({
  name: 'uneven',
  version: 1,
  input: z.unknown(),
  output: z.unknown(),
  async run(ctx) {
    const right = async () => {
      await ctx.step('right-1', {
        run: async ({ runId }) => {
          await waitFor(() => leftIsRefused(runId), { what: 'the refusal to be recorded' });
          seen.push('right-1');
        },
        undo: async () => {
          if (undoFails) throw new UnavailableError({ code: 'away', message: 'away' });
          seen.push('undo right-1');
        },
        whenInDoubt: 'repeat',
        retry: { attempts: 2 },
      });
      await ctx.step('right-2', { run: async () => void seen.push('right-2'), whenInDoubt: 'repeat' });
    };
    await Promise.all([
      ctx.step('left', {
        run: async () => {
          throw new RejectedError({ code: 'no', message: 'no' });
        },
        whenInDoubt: 'repeat',
      }),
      right(),
    ]);
  },
});

let system: TestSystem;

async function leftIsRefused(runId: string): Promise<boolean> {
  const run = await system.client.getRun('t', runId);
  return run?.steps.some(({ name, status }) => name === 'left' && status === 'failed') ?? false;
}

beforeEach(async () => {
  seen.length = 0;
  system = await startSystem([uneven]);
});
afterEach(() => system.close());

it('a branch that outlives a refusal ends its step, starts no other, and is undone, also by a worker that only replays it', async () => {
  const first = system.startWorker();
  const runId = await system.submit(uneven, null);
  expect(await system.runWith(runId, 'dead')).toMatchObject({
    error: { kind: 'compensation_failed', step: 'right-1' },
  });
  await first.close();
  undoFails = false;
  system.startWorker();
  expect(await system.client.redrive('t', runId)).toBe('redriven');
  expect(await system.runWith(runId, 'failed')).toMatchObject({ error: { code: 'no', step: 'left' } });
  expect(seen).toEqual(['right-1', 'undo right-1']);
});
