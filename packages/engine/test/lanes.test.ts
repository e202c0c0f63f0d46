import { Queue } from 'bullmq';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow, QUEUE_PREFIX, readQueueDepths } from '../src/index.ts';
import { keys } from '../src/testing.ts';
import { startSystem, type TestSystem } from './system.ts';

let began: string[];
let runMs = 0;
const work = defineFlow({
  name: 'work',
  version: 1,
  input: z.string(),
  output: z.unknown(),
  async run(ctx, name) {
    await ctx.step('only', {
      run: async () => {
        began.push(name);
        if (runMs > 0) await new Promise((resolve) => setTimeout(resolve, runMs));
      },
      whenInDoubt: 'repeat',
    });
  },
});

let system: TestSystem;
beforeEach(async () => {
  began = [];
  runMs = 0;
  system = await startSystem([work]);
});
afterEach(() => system.close());

async function submit(name: string, { tenant = 't', priority }: { tenant?: string; priority?: number } = {}) {
  const reply = await system.client.submit({
    ...{ flow: 'work', input: name, tenant, idempotencyKey: name, fingerprint: name },
    ...(priority !== undefined && { priority }),
  });
  if (reply.outcome !== 'created') throw new Error(reply.outcome);
  return reply.run.id;
}
const inOrder = async (names: readonly string[], options: { tenant?: string; priority?: number } = {}) => {
  const ids: string[] = [];
  for (const name of names) ids.push(await submit(name, options));
  return ids;
};
const names = (prefix: string, count: number) => Array.from({ length: count }, (_, i) => `${prefix}${i}`);
const ended = async (tenant: string, runIds: readonly string[]) => {
  for (const runId of runIds)
    expect(await system.client.waitForEnd(tenant, runId, 60_000)).toMatchObject({ status: 'completed' });
};

it('adds a job exactly as BullMQ does', async () => {
  const runId = await submit('one');
  const queue = new Queue('other', { connection: system.connection, prefix: QUEUE_PREFIX });
  const options = { jobId: runId, attempts: 1, removeOnComplete: true, removeOnFail: true };
  await queue.add('work', { runId }, options);
  await queue.close();
  const { connection } = system;
  const found = async (name: string) => {
    const base = `{hf0}:${name}:`;
    const { opts = '', timestamp, ...job } = await connection.hgetall(`${base}${runId}`);
    expect(Date.now() - Number(timestamp)).toBeLessThan(10_000);
    const events = (await connection.xrange(`${base}events`, '-', '+')) as [string, string[]][];
    return {
      job: { ...job, opts: JSON.parse(opts) as unknown },
      events: events.map(([, fields]) => fields),
      wait: await connection.lrange(`${base}wait`, 0, -1),
      marker: await connection.zrange(`${base}marker`, 0, '-1', 'WITHSCORES'),
      id: await connection.get(`${base}id`),
    };
  };
  expect(await found('work')).toEqual(await found('other'));
});

it("lets the most urgent of a tenant's runs go first, and equal ones in the order of their arrival", async () => {
  const usual = await inOrder(names('usual', 10));
  const urgent = [await submit('urgent-5', { priority: 5 }), await submit('urgent-9', { priority: 9 })];
  const later = await inOrder(['urgent-9-too'], { priority: 9 });
  system.startWorker({ concurrency: 1 });
  await ended('t', [...usual, ...urgent, ...later]);
  // two were in the queue before anything else waited
  expect(began).toEqual([
    'usual0',
    'usual1',
    'urgent-9',
    'urgent-9-too',
    'urgent-5',
    ...names('usual', 10).slice(2),
  ]);
});

it("does not let one tenant's urgent runs hold up another tenant's", async () => {
  const urgent = await inOrder(names('a', 20), { tenant: 'a', priority: 9 });
  const usual = await inOrder(names('b', 5), { tenant: 'b' });
  system.startWorker({ concurrency: 1 });
  await ended('a', urgent);
  await ended('b', usual);
  // two are in the queue, and from then on they take turns
  expect(began.indexOf('b4')).toBeLessThanOrEqual(2 + 2 * 5);
});

it('the ten runs of one tenant are done in twice their quiet time, in spite of a thousand of another', async () => {
  runMs = 400;
  system.startWorker({ concurrency: 20 });
  const timeOf = async (prefix: string) => {
    const from = performance.now();
    await ended(
      'small',
      await Promise.all(names(prefix, 10).map((name) => submit(name, { tenant: 'small' }))),
    );
    return performance.now() - from;
  };
  const quietMs = await timeOf('quiet');
  await Promise.all(names('flood', 1_000).map((name) => submit(name, { tenant: 'large' })));
  const busyMs = await timeOf('busy');
  expect(busyMs).toBeLessThan(2 * quietMs + 400);
});

it('an idle fleet gives all it has to a lone tenant, and nothing of the lanes is left', async () => {
  runMs = 50;
  const runIds = await Promise.all(names('n', 60).map((name) => submit(name)));
  const depth = async () =>
    (await readQueueDepths(system.connection, ['work'])).find(({ queue }) => queue === 'work')?.waiting;
  expect(await depth()).toBe(60);
  const from = performance.now();
  system.startWorker({ concurrency: 20 });
  await ended('t', runIds);
  expect(began).toHaveLength(60);
  expect(performance.now() - from).toBeLessThan(10_000);
  expect(await depth()).toBe(0);
  expect(await system.connection.keys('{hf0}/lane*')).toEqual([]);
});

it('brings back what was lost of lanes and queue', async () => {
  const runIds = await inOrder(names('n', 8));
  const { connection } = system;
  await connection.del(keys.lanes('work'), keys.lane('work', 't'), '{hf0}:work:wait');
  for (const runId of runIds) await connection.zadd(keys.alarms, 0, runId);
  system.startWorker({ concurrency: 4 });
  await ended('t', runIds);
  expect(began.toSorted()).toEqual(names('n', 8));
});

it('refuses a priority that is none', async () => {
  for (const priority of [-1, 10, 1.5, Number.NaN])
    await expect(submit('none', { priority })).rejects.toThrow('a priority is a whole number from 0 to 9');
});
