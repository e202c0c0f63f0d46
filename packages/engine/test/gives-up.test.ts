import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow, InDoubtError, type LookUp, ThrottledError } from '../src/index.ts';
import { startSystem, type TestSystem } from './system.ts';

/** What the provider says when it is asked, one after another. */
let answers: (LookUp<string> | Error)[] = [];
const attempts = new Map<string, number>();

const buy = defineFlow({
  name: 'buy',
  version: 1,
  input: z.unknown(),
  output: z.string(),
  run: (ctx) =>
    ctx.step('label', {
      run: async (call): Promise<string> => {
        attempts.set(call.runId, (attempts.get(call.runId) ?? 0) + 1);
        throw new InDoubtError({ code: 'reset', message: 'the connection broke' });
      },
      find: async () => {
        const answer = answers.shift() ?? { outcome: 'none' };
        if (answer instanceof Error) throw answer;
        return answer;
      },
      settleFor: 0,
      retry: { attempts: 2, first: '1ms', max: '1ms' },
    }),
});

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem([buy]);
  system.startWorker();
});
afterAll(() => system.close());

const none = { outcome: 'none' } as const;

it('a step whose last attempt is in doubt is asked for once more, and goes on if it happened', async () => {
  answers = [none, { outcome: 'found', result: 'l_1' }];
  const run = await system.runWith(await system.submit(buy, null), 'completed');
  expect(run.output).toBe('l_1');
  expect(attempts.get(run.id)).toBe(2);
});

it('and is dead as exhausted, not in doubt, when the provider knows nothing of it', async () => {
  answers = [];
  const run = await system.runWith(await system.submit(buy, null), 'dead');
  expect(run.error).toMatchObject({ kind: 'exhausted', step: 'label', code: 'gave_up' });
  expect(run.steps[0]).toMatchObject({ status: 'failed', attempts: 2 });
  expect(attempts.get(run.id)).toBe(2);
  expect(run.events.filter((event) => event.kind === 'call').at(-1)).toMatchObject({
    what: 'look_up',
    outcome: 'none',
  });
});

it('and stays in doubt when the provider does not say, after a wait for its breaker too', async () => {
  const open = new ThrottledError({ code: 'breaker_open', message: 'nothing was sent', unsent: true });
  answers = [none, open, { outcome: 'unknown', reason: 'two labels' }];
  const run = await system.runWith(await system.submit(buy, null), 'dead');
  expect(run.error).toMatchObject({ kind: 'in_doubt', step: 'label' });
  expect(run.steps[0]).toMatchObject({ status: 'in_doubt', whenInDoubt: 'look_up' });
  expect(attempts.get(run.id)).toBe(2);
  expect(answers).toEqual([]);
  // a redrive asks first, and gives it fresh attempts
  answers = [{ outcome: 'found', result: 'l_2' }];
  expect(await system.client.redrive('t', run.id)).toBe('redriven');
  expect(await system.runWith(run.id, 'completed')).toMatchObject({ output: 'l_2' });
  expect(attempts.get(run.id)).toBe(2);
});
