import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient, defineFlow, QUEUE_PREFIX, UnavailableError } from '../src/index.ts';
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
