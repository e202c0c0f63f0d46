import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow, InDoubtError, type StepOptions, UnavailableError } from '../src/index.ts';
import { startSystem, type TestSystem } from './system.ts';

const candidates: Record<string, readonly StepOptions<string>[]> = {};
const any = defineFlow({
  name: 'falls-back',
  version: 1,
  input: z.string(),
  output: z.unknown(),
  run: (ctx, name) => ctx.fallback('pay', candidates[name] ?? []),
});

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem([any]);
  system.startWorker();
});
afterAll(() => system.close());

async function endOf(name: string, of: readonly StepOptions<string>[]) {
  candidates[name] = of;
  const over = (run: { readonly status: string }) => ['completed', 'dead', 'failed'].includes(run.status);
  return system.runThat(await system.submit(any, name), over, 'over');
}

const retry = { attempts: 2 };
const down = () => Promise.reject(new UnavailableError({ code: 'down', message: 'it is down' }));
const lost = () => Promise.reject(new InDoubtError({ code: 'lost', message: 'the reply was lost' }));

it('takes the next one when the attempts are used up, without a warning', async () => {
  const run = await endOf('exhausted', [{ run: down, retry }, { run: async () => 'second' }]);
  expect(run).toMatchObject({ status: 'completed', output: 'second', warnings: [] });
  expect(run.steps.map(({ name, status, attempts }) => [name, status, attempts])).toEqual([
    ['pay', 'failed', 2],
    ['pay-2', 'completed', 1],
  ]);
});

it.each([
  ['that halts', { run: lost }],
  ['whose attempts are used up', { run: lost, retry, whenInDoubt: 'repeat' as const }],
])('never leaves one in doubt %s', async (what, first) => {
  const run = await endOf(what, [first, { run: async () => 'second' }]);
  expect(run).toMatchObject({ status: 'dead', error: { kind: 'in_doubt', step: 'pay' } });
  expect(run.steps.map(({ name }) => name)).toEqual(['pay']);
});

it('is dead when the last one has no attempt left', async () => {
  const run = await endOf('all down', [
    { run: down, retry },
    { run: down, retry },
  ]);
  expect(run).toMatchObject({ status: 'dead', error: { kind: 'exhausted', step: 'pay-2' } });
});

it('needs a candidate', async () => {
  const run = await endOf('none', []);
  expect(run).toMatchObject({ status: 'dead', error: { kind: 'bug' } });
  if (run.status === 'dead') expect(run.error.message).toContain('has no candidates');
});
