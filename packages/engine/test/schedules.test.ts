import { waitFor } from '@holdfast/testkit';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createSchedules, defineFlow, type Run, type Schedules } from '../src/index.ts';
import { fireTimeText } from '../src/schedules/cron.ts';
import { fire } from '../src/schedules/firing.ts';
import type { KeptSchedule } from '../src/schedules/schedule.ts';
import { ScheduleStore } from '../src/schedules/schedule-store.ts';
import { requestOf } from '../src/schedules/schedules.ts';
import { quietLog, startSystem, type TestSystem } from './system.ts';

const quick = defineFlow({
  name: 'quick',
  version: 1,
  input: z.strictObject({ n: z.number() }),
  output: z.number(),
  run: async (_ctx, { n }) => n,
});
const slow = defineFlow({
  name: 'slow',
  version: 1,
  input: z.strictObject({ n: z.number() }),
  output: z.unknown(),
  run: (ctx) => ctx.waitFor('go'),
});
const flows = [quick, slow];
const MINUTE = 60_000;

let system: TestSystem;
let schedules: Schedules;
let store: ScheduleStore;
beforeAll(async () => {
  system = await startSystem(flows);
  const { connection, client } = system;
  schedules = createSchedules({ connection, client, flows });
  store = new ScheduleStore(connection);
});
afterAll(() => system.close());

let named = 0;
let name = '';
beforeEach(() => {
  named += 1;
  name = `every-minute-${named}`;
});
afterEach(() => schedules.remove('t', name));

const everyMinute = (more: object = {}) => ({
  name,
  cron: '* * * * *',
  flow: 'quick',
  input: { n: 7 },
  ...more,
});
const lastMinute = () => Math.floor(Date.now() / MINUTE) * MINUTE;

/** As if nothing had run since. */
async function createdAgo(minutes: number, more: object = {}): Promise<number> {
  const created = await schedules.create('t', everyMinute(more));
  expect(created).toMatchObject({ name, status: 'active' });
  const kept = await store.read('t', name);
  if (!kept) throw new Error('it was created');
  const nextRunAt = lastMinute() - minutes * MINUTE;
  const { revision, ...rest } = kept;
  expect(await store.write({ ...rest, nextRunAt }, nextRunAt, revision)).toBe('written');
  return nextRunAt;
}

async function runs(): Promise<Run[]> {
  const found = await system.client.listRuns('t', { tag: { name: 'schedule', value: name }, limit: 200 });
  return [...found.runs].reverse();
}
const runsThat = (is: (runs: readonly Run[]) => boolean, what: string) =>
  waitFor(
    async () => {
      const all = await runs();
      return is(all) ? all : undefined;
    },
    { what },
  );
const keysOf = (all: readonly Run[]) => all.map(({ idempotencyKey }) => idempotencyKey).sort();
const keysFrom = (first: number, last = lastMinute()) =>
  Array.from(
    { length: (last - first) / MINUTE + 1 },
    (_, n) => `schedule:${name}:${fireTimeText(first + n * MINUTE)}`,
  );

describe('with two workers', () => {
  beforeAll(() => {
    system.startWorker();
    system.startWorker();
  });

  it('each missed time within the window becomes one run', async () => {
    const first = await createdAgo(3, { catchUp: '1h' });
    await runsThat((all) => all.length >= 4, 'all that was missed');
    const all = await runsThat(
      (found) => found.every(({ status }) => status === 'completed'),
      'they have ended',
    );
    expect(keysOf(all)).toEqual(keysFrom(first, first + (all.length - 1) * MINUTE));
    // a run is there before its schedule says so
    const last = first + (all.length - 1) * MINUTE;
    const shown = await waitFor(
      async () => {
        const found = await schedules.get('t', name);
        return found?.lastRunAt === last ? found : undefined;
      },
      { what: 'the last run to be noted' },
    );
    expect(shown?.upcoming).toHaveLength(5);
    expect(shown?.nextRunAt).toBe(shown?.upcoming[0]);
  });

  it('what is more than a minute late is not made up for, unless it is said so', async () => {
    await createdAgo(30);
    const all = await runsThat((found) => found.length > 0, 'a run');
    expect(all.length).toBeLessThanOrEqual(2);
    for (const { idempotencyKey } of all)
      expect(Date.parse(idempotencyKey.split(':').slice(2).join(':'))).toBeGreaterThan(
        Date.now() - 2 * MINUTE,
      );
  });

  it('overlap queue: the next one starts once the one before has ended', async () => {
    const first = await createdAgo(2, { flow: 'slow', catchUp: '1h' });
    for (const n of [0, 1, 2]) {
      const all = await runsThat((found) => found.length > n, `run ${n + 1}`);
      expect(all).toHaveLength(n + 1);
      const { id, idempotencyKey } = all[n] as Run;
      expect(idempotencyKey).toBe(`schedule:${name}:${fireTimeText(first + n * MINUTE)}`);
      await system.client.signal('t', id, { id: 'go', name: 'go', payload: n });
    }
  });

  it('overlap skip: fire times during a run are none', async () => {
    const first = await createdAgo(3, { flow: 'slow', catchUp: '1h', overlap: 'skip' });
    await runsThat((all) => all.length > 0, 'a run');
    await waitFor(async () => (await store.read('t', name))?.queue.length === 0, {
      what: 'the others to be skipped',
    });
    const all = await runs();
    expect(keysOf(all)).toEqual(keysFrom(first, first));
    await system.client.cancel('t', String(all[0]?.id));
  });

  it('overlap cancel: the old one is cancelled, and the new one starts then', async () => {
    const first = await createdAgo(0, { flow: 'slow', overlap: 'cancel' });
    const [old] = await runsThat((all) => all.length > 0, 'a run');
    const kept = await store.read('t', name);
    if (!kept) throw new Error('it is there');
    const { revision, ...rest } = kept;
    await store.write({ ...rest, queue: [first + 1_000] }, Date.now(), revision);
    const all = await runsThat((found) => found.length > 1, 'another run');
    expect(all[0]).toMatchObject({ id: old?.id, status: 'cancelled' });
    await system.client.cancel('t', String(all[1]?.id));
  });

  it('paused, nothing fires; resumed, nothing is made up for; triggered, a run is there at once', async () => {
    await createdAgo(60, { flow: 'slow' });
    const paused = await schedules.pause('t', name);
    expect(paused).toMatchObject({ status: 'paused' });
    expect(paused).not.toHaveProperty('nextRunAt');
    const before = (await runs()).length;
    const triggered = await schedules.trigger('t', name);
    expect(triggered?.idempotencyKey).toMatch(/^schedule:every-minute-\d+:trigger:.+Z$/);
    const resumed = await schedules.resume('t', name);
    expect(resumed?.nextRunAt).toBeGreaterThan(Date.now() - 1_000);
    expect(await runs()).toHaveLength(before + 1);
    for (const { id } of await runs()) await system.client.cancel('t', id);
  });

  it('a schedule that is deleted fires no more', async () => {
    await createdAgo(0);
    await runsThat((all) => all.length > 0, 'a run');
    expect(await schedules.remove('t', name)).toBe('deleted');
    expect(await schedules.get('t', name)).toBeUndefined();
    expect(await system.connection.zscore('{hf0}/schedules-due', `t/${name}`)).toBeNull();
  });
});

describe('whoever fires it is cut short', () => {
  const runsSince = async (runId: string) => {
    const run = await system.client.getRun('t', runId);
    return run === undefined || 'finishedAt' in run ? undefined : run.createdAt;
  };
  const submit = async (schedule: KeptSchedule, time: number) => {
    const reply = await system.client.submit(requestOf(schedule, fireTimeText(time)));
    return reply.outcome === 'key_reused' ? reply.runId : reply.run.id;
  };
  const real = () => ({ store, submit, runsSince, cancel: async () => {}, log: quietLog });

  /** Dies at its n-th write, before or after it is taken. */
  function dying(n: number, when: 'before' | 'after') {
    let writes = 0;
    return {
      read: store.read.bind(store),
      remove: store.remove.bind(store),
      async write(...args: Parameters<ScheduleStore['write']>) {
        writes += 1;
        if (writes === n && when === 'before') throw new Error('died');
        const reply = await store.write(...args);
        if (writes === n) throw new Error('died');
        return reply;
      },
    };
  }

  for (const n of [1, 2, 3])
    for (const when of ['before', 'after'] as const)
      it(`${when} write ${n}: each fire time has one run all the same`, async () => {
        const created = await schedules.create('t', everyMinute({ catchUp: '1h' }));
        expect(created).not.toBe('exists');
        const kept = await store.read('t', name);
        if (!kept) throw new Error('it was created');
        const first = lastMinute() - 2 * MINUTE;
        const { revision, ...rest } = kept;
        // far from due, so that no worker takes it
        await store.write({ ...rest, nextRunAt: first }, Date.now() + 3_600_000, revision);
        const now = lastMinute() + 1;
        await expect(fire({ ...real(), store: dying(n, when) }, `t/${name}`, now)).rejects.toThrow('died');
        for (let turn = 0; turn < 6; turn += 1) {
          await runsThat((all) => all.every(({ status }) => status === 'completed'), 'the runs to end');
          await fire(real(), `t/${name}`, now);
        }
        const all = await runsThat((found) => found.length === 3, 'three runs');
        expect(keysOf(all)).toEqual(keysFrom(first, first + 2 * MINUTE));
      });
});

it('ten thousand that wait cost no command more than none', async () => {
  const { connection } = system;
  const due = Array.from({ length: 10_000 }, (_, n) => [Date.now() + 3_600_000 + n, `t/waits-${n}`]).flat();
  const counted = async () => {
    const before = Number(/total_commands_processed:(\d+)/.exec(await connection.info('stats'))?.[1]);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    return Number(/total_commands_processed:(\d+)/.exec(await connection.info('stats'))?.[1]) - before;
  };
  const without = await counted();
  await connection.zadd('{hf0}/schedules-due', ...due);
  const with10k = await counted();
  await connection.zremrangebyscore('{hf0}/schedules-due', Date.now() + 3_500_000, '+inf');
  expect(with10k).toBeLessThan(without * 1.3 + 20);
});
