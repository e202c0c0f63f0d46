import { waitFor } from '@holdfast/testkit';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient, defineFlow, QUEUE_PREFIX, UnavailableError } from '../src/index.ts';
import { keys } from '../src/testing.ts';
import { startSlowLine } from './slow-line.ts';
import { quietLog, startSystem, type TestSystem } from './system.ts';

let attempts = 0;
const once = defineFlow({
  name: 'once',
  version: 1,
  input: z.unknown(),
  output: z.unknown(),
  run: (ctx, waits) =>
    ctx.step('only', {
      run: async () => {
        attempts += 1;
        if (waits && attempts === 1)
          throw new UnavailableError({ code: 'away', message: 'away', retryAfter: '2s' });
        return attempts;
      },
      whenInDoubt: 'repeat',
    }),
});

let system: TestSystem;
let queue: Queue;
beforeEach(async () => {
  attempts = 0;
  system = await startSystem([once]);
  queue = new Queue('once', { connection: system.connection, prefix: QUEUE_PREFIX });
});
afterEach(async () => {
  await queue.close();
  await system.close();
});

it('brings back a run whose job was lost before a worker had it', async () => {
  const runId = await system.submit(once, false);
  await queue.obliterate({ force: true });
  await system.connection.zadd('{hf0}/alarms', 0, runId);
  system.startWorker();
  await system.runWith(runId, 'completed');
});

it('brings back a waiting run whose job was lost, at its time', async () => {
  system.startWorker();
  const runId = await system.submit(once, true);
  const waiting = await system.runWith(runId, 'suspended');
  expect(waiting.waitingFor).toMatchObject({ kind: 'retry', step: 'only' });
  await queue.obliterate({ force: true });
  const run = await system.runWith(runId, 'completed');
  expect(run.finishedAt).toBeGreaterThanOrEqual(waiting.waitingFor.until ?? Number.POSITIVE_INFINITY);
  expect(attempts).toBe(2);
});

it('a job promoted before its time changes nothing: the provider said when', async () => {
  system.startWorker();
  const runId = await system.submit(once, true);
  const waiting = await system.runWith(runId, 'suspended');
  await (await queue.getJob(runId))?.promote();
  const run = await system.runWith(runId, 'completed');
  expect(run.finishedAt).toBeGreaterThanOrEqual(waiting.waitingFor.until ?? Number.POSITIVE_INFINITY);
});

it('a job never comes before its run, though Redis does not know yet how to create runs', async () => {
  const warnings: unknown[] = [];
  system.startWorker({ log: { ...quietLog, warn: (...words: unknown[]) => warnings.push(words) } });
  const line = await startSlowLine(system.redis.port, 50);
  const connection = new Redis({ port: line.port, maxRetriesPerRequest: null });
  const client = createClient({ connection, flows: [once] });
  try {
    await queue.add('once', { runId: 'run_of_nobody' }); // from now on it does know how to add jobs
    const request = { flow: 'once', input: false, tenant: 't', idempotencyKey: 'first', fingerprint: 'f' };
    const first = await client.submit(request);
    if (first.outcome !== 'created') throw new Error(`the run was ${first.outcome}`);
    await system.runWith(first.run.id, 'completed');
    expect(warnings).toEqual([]); // no sweeper had to bring it back
  } finally {
    await client.close();
    connection.disconnect();
    await line.close();
  }
});

it('a hundred equal submissions at once are one run', async () => {
  system.startWorker();
  const ids = await Promise.all(Array.from({ length: 100 }, () => system.submit(once, false, 'the-key')));
  expect(new Set(ids).size).toBe(1);
  await system.runWith(ids[0] ?? '', 'completed');
  expect(attempts).toBe(1);
  const other = await system.client.submit({
    flow: 'once',
    input: 1,
    tenant: 't',
    idempotencyKey: 'the-key',
    fingerprint: 'other',
  });
  expect(other).toEqual({ outcome: 'key_reused', runId: ids[0] });
});

it('leaves nothing behind a finished run but its record, which expires', async () => {
  system.startWorker({ retention: '1h' });
  const runId = await system.submit(once, false);
  await system.runWith(runId, 'completed');
  expect(await system.connection.zscore('{hf0}/alarms', runId)).toBeNull();
  expect(await system.connection.pttl(`{hf0}/run/${runId}`)).toBeGreaterThan(3_500_000);
});

it('takes new runs and finishes old ones once Redis takes writes again', async () => {
  system.startWorker();
  await system.connection.config('SET', 'maxmemory', '1');
  await expect(
    system.client.submit({ flow: 'once', input: 1, tenant: 't', idempotencyKey: 'k', fingerprint: 'k' }),
  ).rejects.toMatchObject({ code: 'store_unavailable' });
  await system.connection.config('SET', 'maxmemory', '0');
  const runId = await system.submit(once, false);
  await system.runWith(runId, 'completed');
});

it.each(['wait', 'delayed'])(
  'brings back runs whose list in the queue was lost, though their jobs are still there: %s',
  async (list) => {
    const waits = list === 'delayed';
    if (waits) system.startWorker();
    const runIds = await Promise.all([1, 2, 3].map((n) => system.submit(once, waits, `key-${n}`)));
    if (waits)
      for (const runId of runIds) await system.runThat(runId, (run) => run.status !== 'pending', 'begun');
    await system.connection.del(`{hf0}:once:${list}`);
    expect(await queue.getJob(runIds[0] ?? '')).toBeDefined();
    for (const runId of runIds) await system.connection.zadd('{hf0}/alarms', 0, runId);
    if (!waits) system.startWorker();
    for (const runId of runIds) await system.runWith(runId, 'completed');
    await waitFor(async () => (await system.connection.keys('{hf0}:once:run_*')).length === 0, {
      what: 'no job to be left',
    });
  },
);

it('a run that something else has written to does not keep the others from being looked after', async () => {
  const broken = await system.submit(once, false);
  const good = await system.submit(once, false);
  await queue.obliterate({ force: true });
  await system.connection.hset(
    keys.run(broken),
    'status',
    'suspended',
    'owner',
    '-1:w.1',
    'waiting',
    '{"half":',
  );
  await system.connection.zadd('{hf0}/alarms', 0, broken, 1, good);
  const errors: object[] = [];
  system.startWorker({ log: { ...quietLog, error: (facts: object) => void errors.push(facts) } });
  await system.runWith(good, 'completed');
  expect(errors).toMatchObject([{ run: broken }]);
});

it('the runs of a dead worker are taken over though only workers without its flow are left to see it die', async () => {
  const other = defineFlow({ ...once, name: 'other' });
  const dead = '00000000-0000-4000-8000-000000000000';
  const runId = await system.submit(once, false);
  // it had claimed the run, and died: its proof of life has run out
  const job = await queue.getJob(runId);
  await system.connection.lrem('{hf0}:once:wait', 1, job?.id ?? '');
  await system.connection.lpush('{hf0}:once:active', job?.id ?? '');
  await system.connection.hset(keys.run(runId), {
    owner: `1:${dead}.1`,
    epoch: 1,
    claims: 1,
    status: 'running',
    claimedAt: Date.now(),
  });
  await system.connection.sadd(keys.flows, 'once');
  await system.connection.zadd(keys.workers, 1, dead);
  system.startWorker({ flows: [other] });
  await waitFor(async () => (await system.connection.zscore(keys.workers, dead)) === null, {
    what: 'the dead worker to be signed off',
  });
  expect(await system.connection.hget(keys.run(runId), 'job')).toBe(`${runId}.r1`);
  system.startWorker();
  await system.runWith(runId, 'completed');
});

/** As if a worker had claimed the run. */
async function claimedBy(workerId: string, runId: string): Promise<void> {
  const claim = { owner: `1:${workerId}.1`, epoch: 1, claims: 1, status: 'running', claimedAt: Date.now() };
  await system.connection.hset(keys.run(runId), claim);
}

it('a run that its worker no longer has, though the journal says so, is given up by that worker', async () => {
  const other = defineFlow({ ...once, name: 'other' });
  const runId = await system.submit(once, false);
  const owner = system.startWorker({ flows: [other] });
  await waitFor(() => system.connection.zscore(keys.workers, owner.id), { what: 'the owner to live' });
  await claimedBy(owner.id, runId);
  system.startWorker();
  await waitFor(() => queue.getDelayedCount(), { what: 'the run to be put off' });
  expect(attempts).toBe(0);
  await waitFor(
    async () => {
      await system.connection.zadd(keys.alarms, 'XX', 0, runId);
      return (await system.client.getRun('t', runId))?.status === 'completed';
    },
    { what: 'the run to go on' },
  );
});

it('what was claimed before Redis went back in time is nobody’s any more', async () => {
  const other = defineFlow({ ...once, name: 'other' });
  const runId = await system.submit(once, false);
  const owner = system.startWorker({ flows: [other] });
  await waitFor(() => system.connection.zscore(keys.workers, owner.id), { what: 'the owner to live' });
  await claimedBy(owner.id, runId);
  await system.connection.set(keys.rollback, Date.now() + 1);
  system.startWorker();
  const run = await system.runWith(runId, 'completed');
  expect(run.finishedAt - run.createdAt).toBeLessThan(5_000);
});

it('a run that its worker had to drop goes on, though that worker lives', async () => {
  const runId = await system.submit(once, false);
  await system.connection.hset(keys.run(runId), 's:only', 'not a record');
  const dropped: number[] = [];
  system.startWorker({ log: { ...quietLog, error: () => void dropped.push(1) } });
  await waitFor(() => dropped[0], { what: 'the run to be dropped' });
  await system.connection.hdel(keys.run(runId), 's:only');
  await system.runWith(runId, 'completed');
});
