import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow, RejectedError } from '../src/index.ts';
import { startSystem, type TestSystem } from './system.ts';

const helpers = { input: z.unknown(), output: z.unknown(), version: 1 };
const seen: string[] = [];
const step = (name: string) => ({
  run: async () => {
    seen.push(name);
    return name;
  },
  undo: async () => void seen.push(`undo ${name}`),
  whenInDoubt: 'repeat' as const,
});

const nap = defineFlow({
  ...helpers,
  name: 'nap',
  async run(ctx) {
    const drawn = [ctx.random(), ctx.uuid(), ctx.now()];
    await ctx.step('before', step('before'));
    await ctx.sleep('150ms');
    const after = ctx.now();
    await ctx.step('after', step('after'));
    return { drawn, after, again: ctx.random() };
  },
});

const approval = defineFlow({
  ...helpers,
  name: 'approval',
  async run(ctx) {
    await ctx.step('ask', step('ask'));
    const first = await ctx.waitFor('approved', {
      timeout: '5s',
      schema: z.strictObject({ by: z.string() }),
    });
    const second = await ctx.waitFor('approved');
    return { first, second };
  },
});

const impatient = defineFlow({
  ...helpers,
  name: 'impatient',
  async run(ctx) {
    await ctx.step('ask', step('ask'));
    return ctx.waitFor('never', { timeout: '50ms' });
  },
});

const both = defineFlow({
  ...helpers,
  name: 'both',
  async run(ctx) {
    const branch = async (name: string) => {
      const before = ctx.random();
      await ctx.step(`${name}-1`, step(`${name}-1`));
      const between = ctx.random();
      await ctx.sleep(name === 'left' ? '60ms' : '30ms');
      await ctx.step(`${name}-2`, step(`${name}-2`));
      return [before, between, ctx.random()];
    };
    return Promise.all([branch('left'), branch('right')]);
  },
});

const forked = defineFlow({
  ...helpers,
  name: 'forked',
  async run(ctx) {
    await ctx.step('base', step('base'));
    await Promise.all([
      ctx.step('good', {
        ...step('good'),
        run: async () => {
          await new Promise((resolve) => setImmediate(resolve));
          seen.push('good');
          return 'good';
        },
      }),
      ctx.step('bad', {
        run: async () => {
          throw new RejectedError({ code: 'no', message: 'no' });
        },
      }),
    ]);
  },
});

const optional = defineFlow({
  ...helpers,
  name: 'optional',
  async run(ctx) {
    try {
      await ctx.step('gift', {
        run: async () => {
          throw new RejectedError({ code: 'no_gift', message: 'none left' });
        },
      });
    } catch (error) {
      if (!(error instanceof RejectedError)) throw error;
      await ctx.sleep('20ms');
      return { without: error.code };
    }
  },
});

const parent = defineFlow({
  ...helpers,
  name: 'parent',
  async run(ctx, mode) {
    await ctx.step('start', step('start'));
    const child = ctx.runChild('one', {
      flow: approval,
      input: null,
      undo: async () => void seen.push('undo child'),
    });
    if (mode === 'slow') return child;
    const out = await child;
    if (mode === 'regret') throw new RejectedError({ code: 'regret', message: 'changed its mind' });
    return { out };
  },
});

const once = defineFlow({
  ...helpers,
  name: 'twice',
  async run(ctx) {
    await ctx.step('same', step('same'));
    await ctx.step('same', step('same'));
  },
});

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem([nap, approval, impatient, both, forked, optional, parent, once]);
  system.startWorker();
});
afterAll(() => system.close());

const signal = (runId: string, id: string, payload: object = { by: id }) =>
  system.client.signal('t', runId, { id, name: 'approved', payload: payload as never });

it('sleeps without a worker, and draws and times come out the same on every replay', async () => {
  const runId = await system.submit(nap, null);
  const asleep = await system.runWith(runId, 'suspended');
  expect(asleep.waitingFor).toMatchObject({ kind: 'timer', name: 'sleep-1' });
  const run = await system.runWith(runId, 'completed');
  const output = run.output as { drawn: [number, string, number]; after: number; again: number };
  expect(output.drawn[0]).toBeGreaterThanOrEqual(0);
  expect(output.drawn[0]).toBeLessThan(1);
  expect(output.drawn[1]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(output.drawn[2]).toBe(run.createdAt);
  expect(output.after).toBe(asleep.waitingFor.until);
  expect(output.again).not.toBe(output.drawn[0]);
});

it('takes signals in the order of their arrival, each once, early ones too', async () => {
  const runId = await system.submit(approval, null);
  expect(await signal(runId, 'a')).toBe('delivered');
  expect(await signal(runId, 'a')).toBe('repeated');
  await system.runThat(
    runId,
    (run) => run.status === 'suspended' && run.waitingFor.kind === 'signal',
    'waiting',
  );
  expect(await signal(runId, 'b')).toBe('delivered');
  const run = await system.runWith(runId, 'completed');
  expect(run.output).toEqual({ first: { by: 'a' }, second: { by: 'b' } });
  expect(await signal(runId, 'c')).toBe('run_finished');
  expect(
    await system.client.signal('other', runId, { id: 'x', name: 'approved', payload: 1 }),
  ).toBeUndefined();
});

it('rejects a wait whose time is up, or whose payload does not fit, and undoes what was done', async () => {
  seen.length = 0;
  const late = await system.runWith(await system.submit(impatient, null), 'failed');
  expect(late.error).toMatchObject({ kind: 'rejected', code: 'signal_timeout', step: 'never' });
  expect(seen).toEqual(['ask', 'undo ask']);

  const runId = await system.submit(approval, null);
  await signal(runId, 'odd', { from: 'nobody' });
  expect((await system.runWith(runId, 'failed')).error).toMatchObject({ code: 'signal_invalid' });
});

it('runs branches side by side, and replays them in the order in which they ended', async () => {
  const run = await system.runWith(await system.submit(both, null), 'completed');
  const draws = (run.output as number[][]).flat();
  expect(new Set(draws).size).toBe(6);
  expect(run.steps.map((s) => [s.name, s.attempts]).sort()).toEqual([
    ['left-1', 1],
    ['left-2', 1],
    ['right-1', 1],
    ['right-2', 1],
  ]);
});

it('lets the steps beside a rejected one end, and undoes them too', async () => {
  seen.length = 0;
  const run = await system.runWith(await system.submit(forked, null), 'failed');
  expect(run.error).toMatchObject({ code: 'no', step: 'bad' });
  expect(seen).toEqual(['base', 'good', 'undo good', 'undo base']);
});

it('goes on when the flow catches a rejection, and takes the same way on replay', async () => {
  const run = await system.runWith(await system.submit(optional, null), 'completed');
  expect(run.output).toEqual({ without: 'no_gift' });
});

it('runs a child under a key of its own and takes its output', async () => {
  const runId = await system.submit(parent, 'plain');
  await system.runThat(runId, (run) => run.status === 'suspended', 'waiting for its child');
  const childId = await childOf(runId);
  await signal(childId, 'a');
  await signal(childId, 'b');
  const run = await system.runWith(runId, 'completed');
  expect(run.output).toEqual({ out: { first: { by: 'a' }, second: { by: 'b' } } });
  expect(run.steps.map((s) => [s.name, s.status])).toEqual([
    ['start', 'completed'],
    ['one', 'completed'],
  ]);
});

it('undoes a child that ended, and cancels one that is under way', async () => {
  seen.length = 0;
  const regretful = await system.submit(parent, 'regret');
  await system.runThat(regretful, (run) => run.status === 'suspended', 'waiting for its child');
  const first = await childOf(regretful);
  await signal(first, 'a');
  await signal(first, 'b');
  await system.runWith(regretful, 'failed');
  expect(seen).toEqual(['start', 'ask', 'undo child', 'undo start']);

  seen.length = 0;
  const slow = await system.submit(parent, 'slow');
  await system.runThat(slow, (run) => run.status === 'suspended', 'waiting for its child');
  const child = await childOf(slow);
  await system.runWith(child, 'suspended');
  expect(await system.client.cancel('t', slow)).toBe('cancelling');
  await system.runWith(slow, 'cancelled');
  await system.runWith(child, 'cancelled');
  expect(seen).toEqual(['start', 'ask', 'undo ask', 'undo start']);
});

it('a name used twice is a bug that names both places', async () => {
  const run = await system.runWith(await system.submit(once, null), 'dead');
  expect(run.error).toMatchObject({ kind: 'bug', code: 'step_name_reused', step: 'same' });
  expect(run.error.message.match(/waiting\.test\.ts:\d+/g)).toHaveLength(2);
});

async function childOf(runId: string): Promise<string> {
  const keys = await system.connection.keys('{hf0}/run/*');
  for (const key of keys) {
    const parentJson = await system.connection.hget(key, 'parent');
    if (parentJson && (JSON.parse(parentJson) as { runId: string }).runId === runId)
      return key.slice('{hf0}/run/'.length);
  }
  throw new Error('no child');
}
