import { QUEUE_PREFIX } from '@holdfast/engine';
import { createDriver, keys } from '@holdfast/engine/testing';
import { startRedis } from '@holdfast/testkit';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { expect, it } from 'vitest';
import { flowOf, untilDue } from './scenarios.ts';

const DAY_MS = 24 * 60 * 60 * 1_000;

it('a run that is old and has just woken is looked at again soon while its job waits', async () => {
  const redis = await startRedis(['--appendonly', 'no']);
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  const sleeper = flowOf('sleeper', (ctx) => ctx.sleep(10));
  const driver = createDriver({ connection, flows: [sleeper] });
  const queue = new Queue('sleeper', { connection, prefix: QUEUE_PREFIX });
  const runId = await driver.submit(sleeper, null, 'key');
  await driver.deliver('sleeper');
  await untilDue(driver, runId);
  const longAgo = Date.now() - 30 * DAY_MS;
  await connection.hset(keys.run(runId), 'createdAt', longAgo, 'updatedAt', longAgo);
  await (await queue.getJob(runId))?.promote();
  await connection.zadd(keys.alarms, 0, runId);
  await driver.sweep();
  const rings = Number(await connection.zscore(keys.alarms, runId)) - Date.now();
  expect(rings).toBeGreaterThan(1_000);
  expect(rings).toBeLessThan(60_000);
  await queue.close();
  await driver.close();
  connection.disconnect();
  await redis.stop();
});
