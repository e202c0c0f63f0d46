import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow } from '../src/index.ts';
import { createDriver, type Driver } from '../src/testing.ts';

const plain = { version: 1, input: z.unknown(), output: z.unknown() };

const hasty = defineFlow({
  ...plain,
  name: 'hasty',
  run: (ctx) => ctx.waitFor('paid', { timeout: '100ms' }),
});

const twice = defineFlow({
  ...plain,
  name: 'twice',
  async run(ctx) {
    const first = await ctx.waitFor('paid');
    await ctx.sleep('100ms');
    return [first, await ctx.waitFor('paid')];
  },
});

/** While it is driven, a signal comes that its worker has not seen at the claim. */
const crossed = defineFlow({
  ...plain,
  name: 'crossed',
  async run(ctx) {
    await ctx.step('ask', {
      run: async () => void (await driver.signal(ctx.runId, { id: 's', name: 'paid', payload: 'crossed' })),
      whenInDoubt: 'repeat',
    });
    return ctx.waitFor('paid');
  },
});

let redis: TestRedis;
let connection: Redis;
let driver: Driver;
beforeAll(async () => {
  redis = await startRedis();
  connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  driver = createDriver({ connection, flows: [hasty, twice, crossed] });
});
afterAll(async () => {
  await driver.close();
  connection.disconnect();
  await redis.stop();
});

const status = async (runId: string) => (await driver.read(runId))?.status;

/** Resolves once Redis' clock has reached the end of what the run waits for; at once when the run is past it already. */
async function timeIsUp(runId: string): Promise<void> {
  const run = await driver.read(runId);
  const until = run?.status === 'suspended' ? run.waitingFor.until : undefined;
  if (until === undefined) return;
  const isUp = async () => {
    const [seconds, micros] = await connection.time();
    return Number(seconds) * 1_000 + Number(micros) / 1_000 > until;
  };
  await waitFor(isUp, { what: 'the time to be up' });
}

it('a signal that came in time is taken, however late the run comes to it', async () => {
  const runId = await driver.submit(hasty, null, 'late');
  await driver.drive(runId);
  expect(await driver.signal(runId, { id: 's', name: 'paid', payload: 'in time' })).toBe('delivered');
  await timeIsUp(runId);
  await driver.drive(runId);
  expect(await driver.read(runId)).toMatchObject({ status: 'completed', output: 'in time' });
});

it('a wait whose time is up is over, and a signal that comes then is refused', async () => {
  const runId = await driver.submit(hasty, null, 'none');
  await driver.drive(runId);
  await timeIsUp(runId);
  await driver.drive(runId);
  expect(await driver.read(runId)).toMatchObject({ status: 'failed', error: { code: 'signal_timeout' } });
  expect(await driver.signal(runId, { id: 's', name: 'paid', payload: null })).toBe('run_finished');
});

it('a signal that one wait took is not taken by another, also when the run is replayed', async () => {
  const runId = await driver.submit(twice, null, 'once');
  await driver.signal(runId, { id: 'a', name: 'paid', payload: 'a' });
  await driver.drive(runId);
  await timeIsUp(runId);
  await driver.drive(runId);
  expect(await status(runId)).toBe('suspended');
  await driver.signal(runId, { id: 'b', name: 'paid', payload: 'b' });
  await driver.drive(runId);
  expect(await driver.read(runId)).toMatchObject({ status: 'completed', output: ['a', 'b'] });
});

it('a signal that comes while its run is about to be parked is taken at once', async () => {
  const runId = await driver.submit(crossed, null, 'crossed');
  await driver.drive(runId);
  expect(await driver.read(runId)).toMatchObject({ status: 'completed', output: 'crossed' });
});
