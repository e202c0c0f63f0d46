import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow, RejectedError, readOverview } from '../src/index.ts';
import { startSystem, type TestSystem } from './system.ts';

const any = { version: 1, input: z.unknown(), output: z.unknown() } as const;
/** Waits, does something, takes it back. */
const story = defineFlow({
  ...{ name: 'story', ...any },
  async run(ctx) {
    await ctx.step('charge', { run: async () => 1, undo: async () => {}, whenInDoubt: 'repeat' });
    await ctx.sleep('5ms');
    await ctx.waitFor('go');
    throw new RejectedError({ code: 'no', message: 'no' });
  },
});
const buggy = defineFlow({
  ...{ name: 'buggy', ...any },
  run: (ctx) =>
    ctx.step('only', {
      run: async () => {
        throw new TypeError('x');
      },
      whenInDoubt: 'repeat',
    }),
});

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem([story, buggy]);
  system.startWorker();
});
afterAll(() => system.close());

it('counts how all runs stand, of all tenants, and why they are dead', async () => {
  const waiting = await system.submit(story, null);
  await system.runThat(waiting, (run) => run.waits.length === 2 && run.status === 'suspended', 'waiting');
  for (let n = 0; n < 3; n += 1) await system.runWith(await system.submit(buggy, n), 'dead');
  await system.client.submit({
    ...{ flow: 'buggy', input: null, tenant: 'other', idempotencyKey: 'k', fingerprint: 'k' },
  });
  expect(await system.client.tenants()).toEqual(['other', 't']);

  const dead = async () => (await readOverview(system.connection)).dead === 4;
  await expect.poll(dead).toBe(true);
  const overview = await readOverview(system.connection, { backMs: 60_000, spans: 4 });
  expect(overview).toMatchObject({
    ...{ tenants: ['other', 't'], kept: 5, unfinished: 5, dead: 4 },
    newest: { lookedAt: 5, byStatus: { suspended: 1, dead: 4, completed: 0 } },
    waiting: [
      {
        runId: waiting,
        tenant: 't',
        flow: 'story',
        status: 'suspended',
        waitingFor: { kind: 'signal', name: 'go' },
      },
    ],
    deaths: {
      lookedAt: 4,
      groups: [
        {
          tenant: 't',
          flow: 'buggy',
          code: 'type_error',
          count: 3,
          places: [{ step: 'only', kind: 'bug', count: 3 }],
        },
        { tenant: 'other', flow: 'buggy', code: 'type_error', count: 1 },
      ],
    },
  });
  expect(overview.spans.map(({ accepted, died }) => [accepted, died])).toEqual([
    [0, 0],
    [0, 0],
    [0, 0],
    [5, 4],
  ]);
  expect(overview.spans.at(-1)?.to).toBe(overview.now);
});

it("tells a run's waits, signals and undos, and finds it without its tenant", async () => {
  const runId = await system.submit(story, null);
  await system.runThat(runId, (run) => run.waits.length === 2, 'waiting');
  await system.client.signal('t', runId, { id: 's-1', name: 'go', payload: null });
  const run = await system.runWith(runId, 'failed');
  expect(run.waits).toMatchObject([
    { kind: 'timer', name: 'sleep-1', finishedAt: expect.any(Number) },
    { kind: 'signal', name: 'go', finishedAt: expect.any(Number) },
  ]);
  expect(run.signals).toEqual([{ id: 's-1', name: 'go' }]);
  const [charge] = run.steps;
  expect(charge).toMatchObject({
    status: 'compensated',
    undo: { attempts: 1, finishedAt: charge?.finishedAt },
  });
  expect(charge?.undo?.doneAt).toBeLessThanOrEqual(run.waits[0]?.startedAt ?? 0);
  expect(await system.client.findRun(runId)).toEqual(run);
  expect(await system.client.findRun('run_none')).toBeUndefined();
});
