import { startRedis, type TestRedis } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { defineFlow, type Flow, type FlowContext, RejectedError, UnavailableError } from '../src/index.ts';
import { type Replay, recordedRuns, replayRun } from '../src/observe/replay.ts';
import { createDriver, type Driver } from '../src/testing.ts';

/** What the second step does in the first place, so that a run gets where a test wants it. */
type Fate = 'completes' | 'rejects' | 'is_unavailable' | 'has_a_bug';
type Run = (ctx: FlowContext, fate: Fate) => Promise<unknown>;

/** Every effect, of a flow or of a replay. */
const effects: string[] = [];

function effect(name: string, fate: Fate = 'completes') {
  return {
    whenInDoubt: 'repeat' as const,
    run: async () => {
      effects.push(name);
      if (fate === 'rejects') throw new RejectedError({ code: 'declined', message: 'no' });
      if (fate === 'is_unavailable') throw new UnavailableError({ code: 'away', message: 'later' });
      if (fate === 'has_a_bug') throw new TypeError('oops');
      return `${name} done`;
    },
    undo: async () => {
      effects.push(`undo ${name}`);
    },
  };
}

const step = (ctx: FlowContext, name: string, fate?: Fate) => ctx.step(name, effect(name, fate));

const recorded: Run = async (ctx, fate) => {
  await step(ctx, 'charge');
  await step(ctx, 'reserve', fate);
  await step(ctx, 'ship');
};

const flowOf = (run: Run, version = 1): Flow =>
  defineFlow({
    ...{ name: 'shop', version, input: z.string() as unknown as z.ZodType<Fate>, output: z.unknown() },
    run,
  }) as Flow;

let redis: TestRedis;
let connection: Redis;
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
});

async function driving<T>(run: Run, use: (driver: Driver, flow: Flow) => Promise<T>): Promise<T> {
  const flow = flowOf(run);
  const driver = createDriver({ connection, flows: [flow], retryScale: 1_000 });
  try {
    return await use(driver, flow);
  } finally {
    await driver.close();
    effects.length = 0;
  }
}

/** A run as the worker leaves it that had this code. */
function record(run: Run, fate: Fate): Promise<string> {
  return driving(run, async (driver, flow) => {
    const runId = await driver.submit(flow, fate, 'key-1');
    await driver.drive(runId);
    return runId;
  });
}

/** Plays it back with that code, and holds that nothing else happened. */
function replay(runId: string, ...flows: Flow[]): Promise<Replay | undefined> {
  return replayWithin(10_000, runId, flows);
}

async function replayWithin(timeoutMs: number, runId: string, flows: Flow[]): Promise<Replay | undefined> {
  const before = await connection.dump(`{hf0}/run/${runId}`);
  const keys = await connection.dbsize();
  const result = await replayRun({ connection, flows, timeoutMs }, runId);
  expect(effects).toEqual([]);
  expect(await connection.dump(`{hf0}/run/${runId}`)).toEqual(before);
  expect(await connection.dbsize()).toBe(keys);
  return result;
}

const ENDINGS: readonly (readonly [Fate, string])[] = [
  ['completes', 'completed'],
  ['rejects', 'failed'],
  ['is_unavailable', 'suspended'],
  ['has_a_bug', 'dead'],
];

describe('code that did not change fits', () => {
  test.each(ENDINGS)('a run that %s', async (fate, status) => {
    const runId = await record(recorded, fate);
    expect(await replay(runId, flowOf(recorded))).toEqual({
      ...{ runId, flow: 'shop', version: 1, generation: 1, status, outcome: 'fits' },
    });
  });

  test('a run that nobody has taken yet', async () => {
    const runId = await driving(recorded, (driver, flow) => driver.submit(flow, 'completes', 'key-1'));
    expect(await replay(runId, flowOf(recorded))).toMatchObject({ status: 'pending', outcome: 'fits' });
  });

  test('a run that is cancelled', async () => {
    const runId = await driving(recorded, async (driver, flow) => {
      const id = await driver.submit(flow, 'is_unavailable', 'key-1');
      await driver.drive(id);
      await driver.cancel(id);
      await driver.drive(id);
      return id;
    });
    expect(await replay(runId, flowOf(recorded))).toMatchObject({ status: 'cancelled', outcome: 'fits' });
  });

  test('steps at once, a sleep, a signal, a caught rejection, and helpers', async () => {
    const rich: Run = async (ctx) => {
      const drawn = [ctx.random(), ctx.uuid()].length;
      await Promise.all([step(ctx, 'left'), step(ctx, 'right')]);
      await ctx.sleep('0s');
      await step(ctx, 'optional', 'rejects').catch(() => undefined);
      await ctx.waitFor('settled');
      if (ctx.now() > 0 && drawn === 2) await step(ctx, 'last');
    };
    const runId = await driving(rich, async (driver, flow) => {
      const id = await driver.submit(flow, 'completes', 'key-1');
      await driver.signal(id, { id: 's1', name: 'settled', payload: 1 });
      await driver.drive(id);
      return id;
    });
    expect(await replay(runId, flowOf(rich))).toMatchObject({ status: 'completed', outcome: 'fits' });
  });

  test('one of several steps at once is refused while the others go on', async () => {
    const parallel: Run = async (ctx) => {
      await Promise.all([step(ctx, 'left', 'rejects'), step(ctx, 'right')]);
    };
    const runId = await record(parallel, 'completes');
    expect(await replay(runId, flowOf(parallel))).toMatchObject({ status: 'failed', outcome: 'fits' });
  });

  test('a dead run whose flow still throws what it died of', async () => {
    const broken: Run = async (ctx) => {
      await step(ctx, 'charge');
      throw new TypeError('a mistake in the flow');
    };
    const runId = await record(broken, 'completes');
    expect(await replay(runId, flowOf(broken))).toMatchObject({ status: 'dead', outcome: 'fits' });
  });
});

describe('changed code', () => {
  const CHANGES: readonly (readonly [string, Run, string, string])[] = [
    [
      'a step renamed',
      async (ctx, fate) => {
        await step(ctx, 'charge-card');
        await step(ctx, 'reserve', fate);
        await step(ctx, 'ship');
      },
      'goes on with step "charge"',
      'asks for step "charge-card"',
    ],
    [
      'steps in another order',
      async (ctx, fate) => {
        await step(ctx, 'reserve', fate);
        await step(ctx, 'charge');
        await step(ctx, 'ship');
      },
      'goes on with step "charge"',
      'asks for step "reserve"',
    ],
    [
      'a step before a recorded one',
      async (ctx, fate) => {
        await step(ctx, 'charge');
        await step(ctx, 'screen');
        await step(ctx, 'reserve', fate);
        await step(ctx, 'ship');
      },
      'goes on with step "reserve"',
      'asks for step "screen"',
    ],
    [
      'a step left out',
      async (ctx) => {
        await step(ctx, 'charge');
        await step(ctx, 'ship');
      },
      'goes on with step "reserve"',
      'asks for step "ship"',
    ],
    [
      'all but the first left out',
      async (ctx) => {
        await step(ctx, 'charge');
      },
      'goes on with step "reserve"',
      'returns',
    ],
    [
      'a rejection of its own',
      async (ctx) => {
        await step(ctx, 'charge');
        throw new RejectedError({ code: 'too_late', message: 'no' });
      },
      'goes on with step "reserve"',
      'ends as failed with too_late',
    ],
    [
      'a mistake',
      async (ctx) => {
        await step(ctx, 'charge');
        throw new TypeError('x is not a function');
      },
      'goes on with step "reserve"',
      'throws x is not a function',
    ],
    [
      'a wait for something that is no step',
      async (ctx) => {
        await step(ctx, 'charge');
        await new Promise(() => {});
      },
      'goes on with step "reserve"',
      'waits for something that is no step',
    ],
    [
      'a sleep before a recorded step',
      async (ctx, fate) => {
        await ctx.sleep('1m');
        await recorded(ctx, fate);
      },
      'goes on with step "charge"',
      'asks for the sleep number 1',
    ],
  ];

  test.each(
    CHANGES.flatMap(([what, code, journal, does]) =>
      ENDINGS.map(([fate, status]) => [what, status, fate, code, journal, does] as const),
    ),
  )('%s is noticed by a %s run', async (_what, _status, fate, code, journal, does) => {
    const runId = await record(recorded, fate);
    // one of them never comes to an end
    const timeoutMs = does.startsWith('waits') ? 100 : 10_000;
    const replayed = await replayWithin(timeoutMs, runId, [flowOf(code)]);
    expect(replayed).toMatchObject({ outcome: 'diverged', journal, code: does });
  });

  test('a step after the last one is noticed by a run that is completed, and welcome to others', async () => {
    const longer: Run = async (ctx, fate) => {
      await recorded(ctx, fate);
      await step(ctx, 'thank');
    };
    const runId = await record(recorded, 'completes');
    expect(await replay(runId, flowOf(longer))).toMatchObject({
      ...{ outcome: 'diverged', journal: 'ends here, completed', code: 'asks for step "thank"' },
    });
    await connection.flushall();
    const waiting = await record(recorded, 'is_unavailable');
    expect(await replay(waiting, flowOf(longer))).toMatchObject({ outcome: 'fits' });
  });

  test('an undo that is gone is noticed by a run that has it recorded', async () => {
    const noUndo: Run = async (ctx, fate) => {
      await ctx.step('charge', { run: async () => 'charge done' });
      await step(ctx, 'reserve', fate);
    };
    const runId = await record(recorded, 'rejects');
    expect(await replay(runId, flowOf(noUndo))).toMatchObject({
      ...{
        outcome: 'diverged',
        journal: 'goes on with the undo of step "charge"',
        code: 'has no undo for it',
      },
    });
  });

  test('a wait that is gone is noticed by a run that waits', async () => {
    const runId = await record(async (ctx) => {
      await step(ctx, 'charge');
      await ctx.waitFor('settled');
    }, 'completes');
    const without: Run = async (ctx) => {
      await step(ctx, 'charge');
    };
    expect(await replay(runId, flowOf(without))).toMatchObject({
      ...{ status: 'suspended', outcome: 'diverged', code: 'returns' },
      journal: 'goes on with the wait for signal "settled"',
    });
  });
});

test('a run keeps its version, and one that is not there is told', async () => {
  const runId = await record(recorded, 'completes');
  const other: Run = async () => 'another flow';
  expect(await replay(runId, flowOf(other, 2), flowOf(recorded, 1))).toMatchObject({ outcome: 'fits' });
  expect(await replay(runId, flowOf(other, 2))).toMatchObject({ version: 1, outcome: 'version_missing' });
  expect(await replay(runId)).toMatchObject({ outcome: 'version_missing' });
});

test('there is no replay of a run that is not there', async () => {
  expect(await replay('run_none', flowOf(recorded))).toBeUndefined();
});

test('the recorded runs are found once each, those that are not over first', async () => {
  const ids = await driving(recorded, async (driver, flow) => {
    const done = await driver.submit(flow, 'completes', 'done');
    await driver.drive(done);
    const open = await Promise.all([1, 2, 3].map((n) => driver.submit(flow, 'completes', `open-${n}`)));
    return { done, open };
  });
  const all = async (flow?: string) => {
    const found: string[] = [];
    for await (const runId of recordedRuns(connection, flow)) found.push(runId);
    return found;
  };
  const found = await all();
  expect(found.slice(0, 3).sort()).toEqual([...ids.open].sort());
  expect(found.slice(3)).toEqual([ids.done]);
  expect(await all('shop')).toEqual(found);
  expect(await all('other')).toEqual([]);
});
