import { startRedis, type TestRedis } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow, RejectedError, type StepCall } from '../src/index.ts';
import { createDriver, type Driver, keys } from '../src/testing.ts';

let redis: TestRedis;
let connection: Redis;
let driver: Driver;
/** What Redis had recorded when an effect began: the step, then the fields with how they stood. */
let began: string[][] = [];
let usedKeys: string[] = [];
let endsItsWorker = false;

/** An effect that looks into Redis first. */
const effect = (step: string) => async (call: StepCall) => {
  const fields = Object.entries(await connection.hgetall(keys.run(call.runId)));
  const records = fields.flatMap(([field, text]) =>
    /^[su]:/.test(field) ? [`${field} ${(JSON.parse(text) as { kind: string }).kind}`] : [],
  );
  began.push([step, ...records.sort()]);
  usedKeys.push(call.idempotencyKey.slice(call.runId.length));
  if (endsItsWorker) driver.giveUp();
};

const trip = defineFlow({
  name: 'trip',
  version: 1,
  input: z.unknown(),
  output: z.unknown(),
  async run(ctx, fails) {
    const undo = (step: string) => (_result: unknown, call: StepCall) => effect(step)(call);
    await ctx.step('a', { run: effect('a'), undo: undo('undo-a'), whenInDoubt: 'repeat' });
    await ctx.step('b', { run: effect('b'), undo: undo('undo-b') });
    if (fails) throw new RejectedError({ code: 'no', message: 'no' });
    await ctx.step('c', { run: effect('c'), whenInDoubt: async () => ({ outcome: 'none' }) });
  },
});

beforeAll(async () => {
  redis = await startRedis();
  connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  driver = createDriver({ connection, flows: [trip], poisonAfter: 3 });
});
afterAll(async () => {
  await driver.close();
  connection.disconnect();
  await redis.stop();
});
beforeEach(() => {
  began = [];
  usedKeys = [];
  endsItsWorker = false;
});

it('no effect begins before what came before it is recorded, and none is recorded before it happened', async () => {
  await driver.drive(await driver.submit(trip, false, 'order'));
  expect(began).toEqual([
    ['a'],
    ['b', 's:a completed', 's:b started'],
    ['c', 's:a completed', 's:b completed', 's:c started'],
  ]);
});

it('no undo begins before the one before it is recorded', async () => {
  await driver.drive(await driver.submit(trip, true, 'undone'));
  expect(began.slice(2)).toEqual([
    ['undo-b', 's:a completed', 's:b completed'],
    ['undo-a', 's:a completed', 's:b completed', 'u:b completed'],
  ]);
});

it('the keys of a rerun are other keys', async () => {
  const runId = await driver.submit(trip, false, 'again');
  await driver.drive(runId);
  expect(await driver.rerun(runId)).toBe('rerun');
  await driver.drive(runId);
  expect(usedKeys).toEqual([':1:a', ':1:b', ':1:c', ':2:a', ':2:b', ':2:c']);
});

it('a run that ends its worker again and again is dead as poison, and goes on once it is redriven', async () => {
  endsItsWorker = true;
  const runId = await driver.submit(trip, false, 'poison');
  for (let worker = 1; worker <= 3; worker += 1) await driver.drive(runId);
  expect(began.map(([step]) => step)).toEqual(['a', 'a', 'a']);
  expect(await driver.read(runId)).toMatchObject({ status: 'running' });
  await driver.drive(runId);
  expect(began).toHaveLength(3);
  expect(await driver.read(runId)).toMatchObject({ status: 'dead', error: { kind: 'poison' } });

  endsItsWorker = false;
  await driver.redrive(runId);
  await driver.drive(runId);
  expect(await driver.read(runId)).toMatchObject({ status: 'completed' });
});
