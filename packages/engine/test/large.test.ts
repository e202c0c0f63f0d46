import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow, type Run } from '../src/index.ts';
import { keys } from '../src/testing.ts';
import { startSystem, type TestSystem } from './system.ts';

const LARGE = 'x'.repeat(200_000);

const waitsFor = (name: string) => (run: Run) =>
  run.status === 'suspended' && 'name' in run.waitingFor && run.waitingFor.name === name;

const heavy = defineFlow({
  ...{ name: 'heavy', version: 1, input: z.unknown(), output: z.unknown() },
  async run(ctx) {
    for (let n = 0; n < 10; n += 1)
      await ctx.step(`s${n}`, { run: async () => LARGE, whenInDoubt: 'repeat' });
    const taken = await ctx.waitFor<string>('take');
    await ctx.waitFor('go-on');
    return taken.length;
  },
});

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem([heavy]);
  system.startWorker();
});
afterAll(() => system.close());

it('a run of megabytes is looked at without its payloads being read, through all that becomes of it', async () => {
  const { client, connection } = system;
  const runId = await system.submit(heavy, { text: LARGE });
  await system.runThat(runId, (run) => run.status === 'suspended', 'suspended');
  const signal = (id: string, name: string, payload: string) =>
    client.signal('t', runId, { id, name, payload });
  for (let n = 0; n < 8; n += 1) await signal(`noise-${n}`, 'noise', LARGE);
  await system.runThat(runId, waitsFor('take'), 'waiting again');

  /** Whether whole records were read for it, inside Redis. */
  const readsAll = async (look: () => Promise<unknown>) => {
    await connection.config('RESETSTAT');
    await look();
    return (await connection.info('commandstats')).includes('cmdstat_hgetall');
  };
  const before = await client.getRun('t', runId, { input: false });
  expect(before).toMatchObject({ status: 'suspended', waitingFor: { name: 'take' } });
  expect(before?.steps.map(({ name, status }) => [name, status])).toEqual(
    Array.from({ length: 10 }, (_, n) => [`s${n}`, 'completed']),
  );
  expect(before?.signals.map(({ id }) => id)).toEqual(Array.from({ length: 8 }, (_, n) => `noise-${n}`));
  expect(await readsAll(() => client.getRun('t', runId, { input: false }))).toBe(false);
  expect(await readsAll(() => client.listRuns('t', { input: false }))).toBe(false);
  expect(await readsAll(() => client.getRun('t', runId))).toBe(false);
  expect((await client.getRun('t', runId))?.input).toEqual({ text: LARGE });

  // the same as from a record that has no heads, as runs of before have none
  const names = (await connection.hkeys(keys.run(runId))).filter((name) => /^(x:|heads$)/.test(name));
  expect(names).toHaveLength(19);
  const kept = await connection.hmget(keys.run(runId), ...names);
  await connection.hdel(keys.run(runId), ...names);
  expect(await client.getRun('t', runId, { input: false })).toEqual(before);
  expect((await client.listRuns('t', { input: false })).runs).toEqual([before]);
  await connection.hset(keys.run(runId), Object.fromEntries(names.map((name, i) => [name, kept[i] ?? ''])));

  await signal('take-1', 'take', LARGE);
  await system.runThat(runId, waitsFor('go-on'), 'waiting for the next');
  // what a wait has taken is no longer with the signal
  expect(await connection.hexists(keys.run(runId), 'x:g:take-1')).toBe(0);
  expect((await client.getRun('t', runId))?.signals).toContainEqual({ id: 'take-1', name: 'take' });
  const payloads = await client.readPayloads('t', runId);
  expect(payloads?.results.map(({ result }) => String(result).length)).toEqual(Array(10).fill(LARGE.length));
  expect(payloads?.signals.find(({ id }) => id === 'take-1')?.payload).toBe(LARGE);

  await signal('go-1', 'go-on', '');
  expect((await system.runWith(runId, 'completed')).output).toBe(LARGE.length);
  expect(await client.rerun('t', runId)).toBe('rerun');
  const again = await system.runThat(
    runId,
    (run) => run.status === 'suspended' && run.generation === 2,
    'suspended again',
  );
  expect(again.signals).toEqual([]);
  expect(again.steps).toHaveLength(10);
});
