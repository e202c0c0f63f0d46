import { waitFor } from '@holdfast/testkit';
import { Queue } from 'bullmq';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { DEAD_LETTERS, defineFlow, type Letter, QUEUE_PREFIX, UnavailableError } from '../src/index.ts';
import { quietLog, startSystem, type TestSystem } from './system.ts';

let broken = true;
let charges = 0;
let ships = 0;

const shop = defineFlow({
  name: 'shop',
  version: 1,
  input: z.unknown(),
  output: z.unknown(),
  async run(ctx) {
    await ctx.step('charge', { run: async () => ++charges, whenInDoubt: 'repeat' });
    await ctx.step('ship', {
      run: async () => {
        ships += 1;
        if (broken) throw new UnavailableError({ code: 'shipping_down', message: 'shipping is down' });
      },
      whenInDoubt: 'repeat',
      retry: { attempts: 2 },
    });
    return null;
  },
});

const warnings: object[] = [];
let system: TestSystem;
let letters: Queue<Letter>;
beforeAll(async () => {
  system = await startSystem([shop]);
  system.startWorker({ log: { ...quietLog, warn: (facts) => void warnings.push(facts) } });
  letters = new Queue<Letter>(DEAD_LETTERS, { connection: system.connection, prefix: QUEUE_PREFIX });
});
afterAll(async () => {
  await letters.close();
  await system.close();
});
beforeEach(() => {
  broken = true;
  charges = 0;
  ships = 0;
});

/** The letter once it shows under Failed, as Bull Board lists it. */
function failedLetter(id: string) {
  return waitFor(async () => (await letters.getFailed()).find((job) => job.id === id), {
    what: `letter ${id} under Failed`,
  });
}

it('a dead run has a letter with its reason; a retry of it goes on from the step that failed, with fresh attempts', async () => {
  const runId = await system.submit(shop, null);
  await system.runWith(runId, 'dead');
  const letter = await failedLetter(`${runId}.d1`);
  expect(letter.failedReason).toBe('exhausted at step "ship": shipping is down (shipping_down)');
  expect(warnings).toEqual([
    { run: runId, flow: 'shop', step: 'ship', kind: 'exhausted', code: 'shipping_down' },
  ]);
  expect(letter.stacktrace?.join('\n')).toContain('dead-letters.test.ts');
  expect(letter.data).toMatchObject({
    runId,
    flow: 'shop',
    death: 1,
    kind: 'exhausted',
    code: 'shipping_down',
    step: 'ship',
  });

  await letter.retry('failed');
  const again = await system.runThat(
    runId,
    (run) => run.status === 'dead' && run.deaths === 2,
    'dead once more',
  );
  expect(again.steps.map((step) => [step.name, step.attempts])).toEqual([
    ['charge', 1],
    ['ship', 4],
  ]);

  broken = false;
  await (await failedLetter(`${runId}.d2`)).retry('failed');
  await system.runWith(runId, 'completed');
  expect([charges, ships]).toEqual([1, 5]);
});

it('ten retries of a letter at once redrive the run once, and a letter of the past does nothing', async () => {
  const runId = await system.submit(shop, null);
  const letter = await failedLetter(`${runId}.d1`);
  broken = false;
  await Promise.allSettled(Array.from({ length: 10 }, () => letter.retry('failed')));
  await system.runWith(runId, 'completed');
  await waitFor(() => letter.isCompleted(), { what: 'the letter to be done' });
  await letter.retry('completed');
  await waitFor(
    async () =>
      (await letter.isCompleted()) && (await letters.getJobCounts('active', 'waiting')).active === 0,
    { what: 'the letter to be done again' },
  );
  expect((await system.client.getRun('t', runId))?.status).toBe('completed');
  expect([charges, ships]).toEqual([1, 3]);
});

it('writes a letter again that was lost before it could be written', async () => {
  const runId = await system.submit(shop, null);
  const letter = await failedLetter(`${runId}.d1`);
  await letter.remove();
  await system.connection.zadd('{hf0}/alarms', 0, runId);
  await failedLetter(`${runId}.d1`);
});
