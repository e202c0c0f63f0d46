import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  type Client,
  createClient,
  defineFlow,
  type Flow,
  type FlowContext,
  LIMITS,
  RejectedError,
  type Run,
} from '../src/index.ts';
import { createDriver, type Driver, type DriverOptions, keys } from '../src/testing.ts';

let redis: TestRedis;
let connection: Redis;
const open: { close(): Promise<void> }[] = [];
let submitted = 0;
let seen: string[] = [];

beforeAll(async () => {
  redis = await startRedis();
  connection = new Redis(redis.url, { maxRetriesPerRequest: null });
});
afterAll(async () => {
  connection.disconnect();
  await redis.stop();
});
beforeEach(async () => {
  await connection.flushall();
  seen = [];
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
});

const flowOf = (run: (ctx: FlowContext) => Promise<unknown>, more: Partial<Flow> = {}): Flow =>
  defineFlow({ name: 'any', version: 1, input: z.unknown(), output: z.unknown(), run, ...more });

function driverOf(flow: Flow, options: Partial<DriverOptions> = {}): Driver {
  const driver = createDriver({ connection, flows: [flow], ...options });
  open.push(driver);
  return driver;
}

/** Knows the flows, and no others, as an API does. */
function clientOf(...flows: Flow[]): Client {
  const client = createClient({ connection, flows });
  open.push(client);
  return client;
}

const submit = (driver: Driver, flow: Flow) => driver.submit(flow, null, `key ${++submitted}`);

async function driveToItsEnd(driver: Driver, runId: string): Promise<Run> {
  return waitFor(
    async () => {
      await driver.drive(runId);
      const run = await driver.read(runId);
      return run && ['completed', 'failed', 'cancelled', 'dead'].includes(run.status) ? run : undefined;
    },
    { what: 'the run to be over' },
  );
}

const effect = (name: string) => ({
  run: async () => {
    seen.push(name);
    return name;
  },
  undo: async () => void seen.push(`undo ${name}`),
  whenInDoubt: 'repeat' as const,
});

const tenant = 'test';

describe('an undo that people did by hand', () => {
  const refused = new RejectedError({ code: 'charge_already_refunded', message: 'refunded by hand' });
  const flow = flowOf(async (ctx) => {
    await ctx.step('charge', { ...effect('charge'), undo: async () => Promise.reject(refused) });
    await ctx.step('label', effect('label'));
    throw new RejectedError({ code: 'regret', message: 'no' });
  });

  it('is answered for, and the run ends', async () => {
    const driver = driverOf(flow);
    const runId = await submit(driver, flow);
    expect(await driveToItsEnd(driver, runId)).toMatchObject({
      status: 'dead',
      error: { kind: 'compensation_failed' },
    });
    expect(await driver.resolve(runId, { step: 'label', outcome: 'undone' })).toEqual({
      outcome: 'not_in_doubt',
    });
    expect(await driver.resolve(runId, { step: 'charge', outcome: 'not_undone' })).toEqual({
      outcome: 'not_in_doubt',
    });
    expect(await driver.resolve(runId, { step: 'charge', outcome: 'undone' })).toEqual({
      outcome: 'resolved',
    });
    const run = await driveToItsEnd(driver, runId);
    expect(run).toMatchObject({ status: 'failed', error: { code: 'regret' } });
    expect(run.steps.map(({ status }) => status)).toEqual(['compensated', 'compensated']);
  });

  it('answered twice is answered the same, and counts once', async () => {
    const driver = driverOf(flow);
    const runId = await submit(driver, flow);
    await driveToItsEnd(driver, runId);
    const answer = { step: 'charge', outcome: 'undone' } as const;
    expect(await driver.resolve(runId, answer)).toEqual({ outcome: 'resolved' });
    const jobs = await connection.hget(keys.run(runId), 'jobs');
    expect(await driver.resolve(runId, answer)).toEqual({ outcome: 'resolved' });
    expect(await connection.hget(keys.run(runId), 'jobs')).toBe(jobs);
    await driveToItsEnd(driver, runId);
    expect(await driver.resolve(runId, answer)).toEqual({ outcome: 'resolved' });
    expect(await driver.resolve(runId, { step: 'charge', outcome: 'not_undone' })).toEqual({
      outcome: 'not_dead',
    });
  });
});

describe('a run whose code does not fit any more', () => {
  const before = flowOf(async (ctx) => {
    await ctx.step('charge', effect('charge'));
    await ctx.step('note', { run: async () => 'noted', whenInDoubt: 'repeat' });
    await ctx.waitFor('go');
  });
  const after = flowOf((ctx) => ctx.step('other', effect('other')));

  it('stays dead when people answer, and ends once they have for all that it did', async () => {
    const former = driverOf(before);
    const runId = await submit(former, before);
    await former.drive(runId);
    const driver = driverOf(after);
    await driver.signal(runId, { id: 'go', name: 'go', payload: null });
    expect(await driveToItsEnd(driver, runId)).toMatchObject({
      status: 'dead',
      error: { kind: 'incompatible_flow' },
    });
    await driver.cancel(runId);
    expect(await driveToItsEnd(driver, runId)).toMatchObject({ status: 'dead' });
    expect(await driver.resolve(runId, { step: 'charge', outcome: 'undone' })).toEqual({
      outcome: 'resolved',
    });
    expect(await driver.read(runId)).toMatchObject({ status: 'dead' });
    await driver.cancel(runId);
    await driver.sweep();
    expect(await driver.read(runId)).toMatchObject({ status: 'cancelled' });
    expect(seen).toEqual(['charge']);
    expect(await connection.zscore(keys.dead(tenant), runId)).toBeNull();
    expect(await connection.pttl(keys.run(runId))).toBeGreaterThan(0);
  });

  it('is not cancelled by who does not know its flow before all is answered for', async () => {
    const former = driverOf(before);
    const runId = await submit(former, before);
    await former.drive(runId);
    const driver = driverOf(after);
    await driver.signal(runId, { id: 'go', name: 'go', payload: null });
    await driveToItsEnd(driver, runId);
    const client = clientOf(flowOf(async () => null, { name: 'another' }));
    expect(await client.cancel(tenant, runId)).toBe('effects_unanswered');
    expect(await client.redrive(tenant, runId)).toBe('flow_unknown');
    expect(await client.getRun(tenant, runId)).toMatchObject({ status: 'dead' });
    await client.resolve(tenant, runId, { step: 'charge', outcome: 'undone' });
    expect(await client.cancel(tenant, runId)).toBe('cancelling');
    await driver.sweep();
    expect(await client.getRun(tenant, runId)).toMatchObject({ status: 'cancelled' });
  });
});

it('a poisoned run ends when people say what it may have done', async () => {
  const flow = flowOf((ctx) => ctx.step('charge', { ...effect('charge'), run: () => new Promise(() => {}) }));
  const driver = driverOf(flow, { poisonAfter: 1 });
  const runId = await submit(driver, flow);
  void driver.drive(runId);
  await waitFor(async () => (await driver.read(runId))?.status === 'running', { what: 'it to run' });
  expect(await driveToItsEnd(driver, runId)).toMatchObject({ status: 'dead', error: { kind: 'poison' } });
  expect(await driver.resolve(runId, { step: 'charge', outcome: 'did_not_happen' })).toEqual({
    outcome: 'resolved',
  });
  expect(await driver.read(runId)).toMatchObject({ status: 'dead' });
  await driver.cancel(runId);
  await driver.sweep();
  expect(await driver.read(runId)).toMatchObject({ status: 'cancelled' });
});

it('an answer is checked by the version of the flow that the run has', async () => {
  const inDoubt = (ctx: FlowContext) => ctx.step('charge', { run: () => new Promise(() => {}) });
  const first = flowOf(inDoubt, { results: { charge: z.object({ id: z.string() }) } });
  const second = flowOf(inDoubt, { version: 2, results: { charge: z.object({ chargeId: z.string() }) } });
  const driver = driverOf(first);
  const runId = await submit(driver, first);
  void driver.drive(runId);
  await waitFor(async () => (await driver.read(runId))?.steps.length, { what: 'the charge to begin' });
  expect(await driveToItsEnd(driver, runId)).toMatchObject({ status: 'dead', error: { kind: 'in_doubt' } });
  const client = clientOf(first, second);
  const answer = { step: 'charge', outcome: 'happened' } as const;
  expect(await client.resolve(tenant, runId, { ...answer, result: { chargeId: 'ch' } })).toMatchObject({
    outcome: 'result_invalid',
    faults: [{ path: 'result.id' }],
  });
  expect(await client.resolve(tenant, runId, { ...answer, result: { id: 'ch' } })).toEqual({
    outcome: 'resolved',
  });
});

describe('signals', () => {
  const waitsFor = (times: number) =>
    flowOf(async (ctx) => {
      for (let n = 0; n < times; n += 1) seen.push(String(await ctx.waitFor('tick')));
    });

  it('for a generation that has ended are refused', async () => {
    const flow = waitsFor(1);
    const driver = driverOf(flow);
    const runId = await submit(driver, flow);
    await driver.drive(runId);
    await driver.signal(runId, { id: 'a', name: 'tick', payload: 'a', generation: 1 });
    await driveToItsEnd(driver, runId);
    await driver.rerun(runId);
    await driver.drive(runId);
    const late = { id: 'b', name: 'tick', payload: 'late', generation: 1 };
    expect(await driver.signal(runId, late)).toBe('generation_ended');
    expect(await driver.signal(runId, { ...late, payload: 'b', generation: 2 })).toBe('delivered');
    await driveToItsEnd(driver, runId);
    expect(seen).toEqual(['a', 'b']);
  });

  it('count until a wait has taken them, by number and by size', async () => {
    const flow = waitsFor(2);
    const driver = driverOf(flow);
    const runId = await submit(driver, flow);
    const large = 'x'.repeat(LIMITS.resultBytes - 2);
    const fit = Math.floor(LIMITS.signalBytes / LIMITS.resultBytes) - 1;
    for (let n = 0; n < fit; n += 1)
      await driver.signal(runId, { id: `s${n}`, name: 'tick', payload: large });
    const more = { id: 'more', name: 'tick', payload: large };
    expect(await driver.signal(runId, { ...more, id: 'last' })).toBe('too_large');
    await driver.drive(runId);
    expect((await driver.read(runId))?.status).toBe('completed');
    const kept = await connection.hgetall(keys.run(runId));
    expect(kept['g:s0']).not.toContain('payload');
    expect(kept['g:s2']).toContain('payload');
    expect(Number(kept.untaken)).toBe(fit - 2);
    expect(Number(kept.untakenBytes)).toBe(
      Object.entries(kept)
        .filter(([field, text]) => field.startsWith('g:') && text.includes('payload'))
        .reduce((bytes, [, text]) => bytes + text.length, 0),
    );
  });

  it('of a flood do not keep a child from telling its end', async () => {
    const child = flowOf(async () => 'done', { name: 'child' });
    const parent = flowOf((ctx) => ctx.runChild('part', { flow: child, input: null }));
    const driver = createDriver({ connection, flows: [parent, child] });
    open.push(driver);
    const runId = await submit(driver, parent);
    await driver.drive(runId);
    for (let n = 0; n < LIMITS.signals; n += 1)
      await driver.signal(runId, { id: `s${n}`, name: 'noise', payload: null });
    expect(await driver.signal(runId, { id: 'one-more', name: 'noise', payload: null })).toBe('too_many');
    const [childId = ''] = (await connection.keys(keys.run('*')))
      .map((key) => key.slice(keys.run('').length))
      .filter((id) => id !== runId);
    await driveToItsEnd(driver, childId);
    expect(await driveToItsEnd(driver, runId)).toMatchObject({ status: 'completed', output: 'done' });
  });
});

describe('a run near its limit', () => {
  it('undoes once, and knows it', async () => {
    const large = 'x'.repeat(LIMITS.resultBytes - 10);
    const steps = Math.floor(LIMITS.journalBytes / LIMITS.resultBytes);
    const flow = flowOf(async (ctx) => {
      for (let n = 0; n < steps; n += 1)
        await ctx.step(`fill-${n}`, { ...effect(`fill-${n}`), run: async () => large });
    });
    const driver = driverOf(flow);
    const runId = await submit(driver, flow);
    expect(await driveToItsEnd(driver, runId)).toMatchObject({ error: { code: 'journal_too_large' } });
    await driver.cancel(runId);
    // the step that did not fit is in doubt: it is done again, and does not fit again
    await driveToItsEnd(driver, runId);
    await driver.resolve(runId, { step: `fill-${steps - 1}`, outcome: 'did_not_happen' });
    expect(await driveToItsEnd(driver, runId)).toMatchObject({ status: 'cancelled' });
    expect(seen).toHaveLength(steps - 1);
  });
});
