import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  defineFlow,
  type FlowContext,
  InDoubtError,
  MisconfiguredError,
  RejectedError,
  type Run,
  type StepCall,
  type StepOptions,
  UnavailableError,
} from '../src/index.ts';
import { createDriver, type Driver, type DriverOptions, keys } from '../src/testing.ts';

/** What the flow does, by the name of the input. */
const cases: Record<string, (ctx: FlowContext) => Promise<unknown>> = {};
const any = defineFlow({
  name: 'any',
  version: 1,
  input: z.string(),
  output: z.unknown(),
  run: (ctx, name) => cases[name]?.(ctx) ?? Promise.resolve(null),
});

let redis: TestRedis;
let connection: Redis;
const drivers: Driver[] = [];
let submitted = 0;
/** What the provider saw, in order, and what stands there. */
let seen: string[] = [];
const standing = new Set<string>();

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
  standing.clear();
});
afterEach(async () => {
  await Promise.all(drivers.splice(0).map((driver) => driver.close()));
});

function newDriver(options: Partial<DriverOptions> = {}): Driver {
  const driver = createDriver({ connection, flows: [any], ...options });
  drivers.push(driver);
  return driver;
}

async function submit(driver: Driver, flow: (ctx: FlowContext) => Promise<unknown>): Promise<string> {
  const name = `case ${++submitted}`;
  cases[name] = flow;
  return driver.submit(any, name, name);
}

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

/** A step that the provider does under its key; `meanwhile` is asked before the reply. */
function effect(
  name: string,
  meanwhile: (call: StepCall) => unknown = () => {},
): Pick<StepOptions<string>, 'run' | 'undo' | 'whenInDoubt'> {
  return {
    run: async (call) => {
      seen.push(name);
      standing.add(name);
      await meanwhile(call);
      return name;
    },
    undo: async () => {
      seen.push(`undo ${name}`);
      standing.delete(name);
    },
    whenInDoubt: 'repeat',
  };
}

const never = () => new Promise<never>(() => {});
const lost = () => {
  throw new InDoubtError({ code: 'reset', message: 'the reply was lost' });
};

/** Throws or hangs at the nth call only. */
function at(nth: number, act: () => unknown): () => unknown {
  let calls = 0;
  return () => (++calls === nth ? act() : undefined);
}

/** Has a driver come to a call that hangs, and leaves the run to others, as a worker does that dies. */
async function dieIn(what: string, runId: string, driver = newDriver()): Promise<void> {
  const before = seen.length;
  void driver.drive(runId);
  await waitFor(() => seen.slice(before).includes(what), { what: `${what} to be called` });
}

const statusOf = (run: Run | undefined, step: string) => run?.steps.find(({ name }) => name === step)?.status;

describe('after a rollback', () => {
  it('what may be forgotten and is nowhere is done, once', async () => {
    const driver = newDriver();
    const runId = await submit(driver, (ctx) =>
      ctx.step('label', {
        run: async (call) => {
          seen.push('label');
          if (call.attempt < 3) throw new UnavailableError({ code: 'away', message: 'away' });
          return 'bought';
        },
        find: async () => {
          seen.push('look-up');
          return { outcome: 'none' };
        },
        timeout: '1s',
      }),
    );
    await connection.set(keys.rollback, Date.now() + 1);
    expect(await driveToItsEnd(driver, runId)).toMatchObject({ status: 'completed', output: 'bought' });
    // too soon (unless the machine was slow), and again once a late request could not arrive any more
    expect(seen.slice(0, -2)).toSatisfy(
      (looks: string[]) => looks.length > 0 && looks.every((it) => it === 'look-up'),
    );
    expect(seen.slice(-2)).toEqual(['label', 'label']);
  });

  const haltsAt = (step: string) => async (ctx: FlowContext) => {
    await ctx.step('first', effect('first'));
    await ctx.waitFor('go');
    return ctx.step(step, { run: effect(step).run, whenInDoubt: 'halt' });
  };

  it('a step that halts dies in doubt, with a record that a person can answer', async () => {
    const driver = newDriver();
    const runId = await submit(driver, haltsAt('send'));
    await driver.drive(runId);
    await connection.set(keys.rollback, Date.now() + 1);
    await driver.signal(runId, { id: 'go', name: 'go', payload: null });
    const dead = await driveToItsEnd(driver, runId);
    expect(dead).toMatchObject({ status: 'dead', error: { kind: 'in_doubt', step: 'send' } });
    expect(statusOf(dead, 'send')).toBe('in_doubt');
    expect(await driver.resolve(runId, { step: 'send', outcome: 'did_not_happen' })).toEqual({
      outcome: 'resolved',
    });
    expect((await driveToItsEnd(driver, runId)).status).toBe('completed');
    expect(seen).toEqual(['first', 'send']);
  });

  it('a run that has slept past it no longer doubts what it comes to', async () => {
    const driver = newDriver();
    const runId = await submit(driver, async (ctx) => {
      await ctx.step('first', effect('first'));
      await ctx.sleep(300);
      return ctx.step('send', { run: effect('send').run, whenInDoubt: 'halt' });
    });
    await driver.drive(runId);
    await connection.set(keys.rollback, Date.now() + 1);
    expect((await driveToItsEnd(driver, runId)).status).toBe('completed');
  });

  it('a cancel finds out what may have been done, step by step, and undoes it', async () => {
    const driver = newDriver();
    const found = (name: string) => ({
      ...effect(name),
      settleFor: 0,
      whenInDoubt: async () =>
        standing.has(name) ? { outcome: 'found' as const, result: name } : { outcome: 'none' as const },
    });
    const runId = await submit(driver, async (ctx) => {
      await ctx.step('charge', found('charge'));
      await ctx.step('label', found('label'));
      return ctx.step('mail', found('mail'));
    });
    standing.add('charge').add('label');
    await connection.set(keys.rollback, Date.now() + 1);
    await driver.cancel(runId);
    expect((await driveToItsEnd(driver, runId)).status).toBe('cancelled');
    expect(seen).toEqual(['undo label', 'undo charge']);
  });
});

describe('a worker that dies', () => {
  it('leaves a doubt that is dated, so that the key lifetime runs from there', async () => {
    const driver = newDriver();
    const runId = await submit(driver, (ctx) =>
      ctx.step('charge', { ...effect('charge', at(1, never)), keyLifetime: 150 }),
    );
    await dieIn('charge', runId);
    await new Promise((resolve) => setTimeout(resolve, 160));
    const dead = await driveToItsEnd(driver, runId);
    expect(dead).toMatchObject({ status: 'dead', error: { kind: 'in_doubt' } });
    expect(statusOf(dead, 'charge')).toBe('in_doubt');
    await driver.redrive(runId);
    expect(await driveToItsEnd(driver, runId)).toMatchObject({ error: { kind: 'in_doubt' } });
    expect(seen).toEqual(['charge']);
    await driver.resolve(runId, { step: 'charge', outcome: 'happened', result: 'charge' });
    expect((await driveToItsEnd(driver, runId)).status).toBe('completed');
  });

  it.each([
    ['cancel', 'cancelled'],
    ['redrive', 'completed'],
  ] as const)(
    'again and again makes the run poison, and a %s still knows what it may have done',
    async (action, end) => {
      const driver = newDriver({ poisonAfter: 1 });
      let dies = true;
      const runId = await submit(driver, (ctx) =>
        ctx.step(
          'charge',
          effect('charge', () => dies && never()),
        ),
      );
      await dieIn('charge', runId);
      expect(await driveToItsEnd(driver, runId)).toMatchObject({ status: 'dead', error: { kind: 'poison' } });
      dies = false;
      await driver[action](runId);
      expect((await driveToItsEnd(driver, runId)).status).toBe(end);
      expect([...standing]).toEqual(end === 'cancelled' ? [] : ['charge']);
    },
  );

  it('in the second call of a step leaves a doubt as well', async () => {
    const driver = newDriver();
    let calls = 0;
    const runId = await submit(driver, (ctx) =>
      ctx.step('charge', {
        ...effect('charge'),
        retry: { first: 0 },
        run: async () => {
          calls += 1;
          if (calls === 1) throw new UnavailableError({ code: 'away', message: 'away' });
          seen.push('charge');
          standing.add('charge');
          return calls === 2 ? never() : 'charge';
        },
      }),
    );
    await driver.drive(runId);
    await dieIn('charge', runId);
    await driver.cancel(runId);
    expect((await driveToItsEnd(driver, runId)).status).toBe('cancelled');
    expect([...standing]).toEqual([]);
    expect(seen.at(-1)).toBe('undo charge');
  });

  it('while others stop in good order leaves a doubt that none of them takes away', async () => {
    let draining = false;
    const stopping = newDriver({ draining: () => draining });
    const charge = effect('charge', at(1, never));
    const runId = await submit(stopping, (ctx) => ctx.step('charge', charge));
    await dieIn('charge', runId);
    draining = true;
    await stopping.drive(runId);
    await stopping.cancel(runId);
    expect((await driveToItsEnd(newDriver(), runId)).status).toBe('cancelled');
    expect([...standing]).toEqual([]);
  });

  it('in an undo leaves only that undo in doubt: what was never started does not start', async () => {
    const driver = newDriver();
    let undoes = 0;
    let runId = '';
    const charge = {
      ...effect('charge', () => driver.cancel(runId)),
      undo: async () => {
        seen.push('undo charge');
        standing.delete('charge');
        if (++undoes === 1) await never();
      },
    };
    runId = await submit(driver, async (ctx) => {
      await ctx.step('charge', charge);
      await ctx.step('mail', effect('mail'));
    });
    await dieIn('undo charge', runId);
    expect((await driver.read(runId))?.status).toBe('compensating');
    const run = await driveToItsEnd(driver, runId);
    expect(run.status).toBe('cancelled');
    expect(statusOf(run, 'mail')).toBeUndefined();
    expect(seen).toEqual(['charge', 'undo charge', 'undo charge']);
  });

  it('past the lifetime of an undo’s key leaves a run that a person must answer for', async () => {
    const driver = newDriver();
    const runId = await submit(driver, async (ctx) => {
      await ctx.step('charge', {
        ...effect('charge'),
        keyLifetime: 150,
        undo: async () => {
          seen.push('undo charge');
          await never();
        },
      });
      await ctx.waitFor('go');
    });
    await driver.drive(runId);
    await driver.cancel(runId);
    await dieIn('undo charge', runId);
    await new Promise((resolve) => setTimeout(resolve, 160));
    const dead = await driveToItsEnd(driver, runId);
    expect(dead).toMatchObject({ status: 'dead', error: { kind: 'compensation_failed', step: 'charge' } });
    expect(seen).toEqual(['charge', 'undo charge']);
  });
});

describe('a worker that stops', () => {
  it('writes down every call that it cut off, in all branches', async () => {
    let draining = false;
    const stopping = newDriver({ draining: () => draining });
    const away = new UnavailableError({ code: 'away', message: 'away', retryAfter: '1h' });
    const [charge, label] = [effect('charge', at(1, never)), effect('label', at(1, never))];
    const runId = await submit(stopping, (ctx) =>
      Promise.all([
        ctx.step('quick', { run: async () => Promise.reject(away), whenInDoubt: 'repeat' }),
        ctx.step('charge', charge),
        ctx.step('label', label),
      ]),
    );
    const drive = stopping.drive(runId);
    await waitFor(() => seen.includes('label'), { what: 'the label to be bought' });
    draining = true;
    stopping.giveUp('worker_stops');
    await drive;
    const driver = newDriver();
    await driver.cancel(runId);
    expect((await driveToItsEnd(driver, runId)).status).toBe('cancelled');
    expect([...standing]).toEqual([]);
  });
});

describe('a compensation', () => {
  it('leaves an effect in doubt as it is when it could not be undone, and says so', async () => {
    const driver = newDriver();
    const runId = await submit(driver, async (ctx) => {
      await ctx.step('charge', effect('charge'));
      await ctx.step('mail', { run: effect('mail', at(1, never)).run, whenInDoubt: 'repeat' });
    });
    await dieIn('mail', runId);
    await driver.cancel(runId);
    const run = await driveToItsEnd(driver, runId);
    expect(run.status).toBe('cancelled');
    expect(statusOf(run, 'mail')).toBe('in_doubt');
    expect(seen).toEqual(['charge', 'mail', 'undo charge']);
  });

  it('of a run whose child may not exist yet creates it cancelled', async () => {
    const driver = newDriver();
    const childName = `child ${submitted}`;
    cases[childName] = (ctx) => ctx.step('inside', effect('inside'));
    const runId = await submit(driver, async (ctx) => {
      await ctx.step('charge', effect('charge', at(1, never)));
      return ctx.runChild('part', { flow: any, input: childName });
    });
    await dieIn('charge', runId);
    // the new owner finds that the charge happened; it is cut off before it starts the child
    const record = { kind: 'started', seq: 9, attempts: 1, startedAt: 1 };
    await connection.hset(
      keys.run(runId),
      's:charge',
      JSON.stringify({
        kind: 'completed',
        seq: 1,
        attempts: 1,
        startedAt: 1,
        finishedAt: 2,
        result: 'charge',
      }),
      'c:part',
      JSON.stringify({ ...record, budget: { redrive: 0, used: 0 }, keyAttempt: 1 }),
    );
    await driver.cancel(runId);
    await driver.drive(runId);
    const [child] = (await connection.keys(keys.run('*'))).filter((key) => key !== keys.run(runId));
    await driveToItsEnd(driver, child?.slice(keys.run('').length) ?? '');
    expect((await driveToItsEnd(driver, runId)).status).toBe('cancelled');
    expect(seen).toEqual(['charge', 'undo charge']);
  });
});

describe('a refusal after a lost reply', () => {
  const refusal = (settlesDoubt: boolean) => () => {
    throw new RejectedError({ code: 'not_found', message: 'no such page', settlesDoubt });
  };

  it('leaves the step in doubt when it is not about the effect', async () => {
    const driver = newDriver();
    let calls = 0;
    const runId = await submit(driver, (ctx) =>
      ctx.step('charge', {
        ...effect('charge', () => (++calls === 1 ? lost() : refusal(false)())),
        retry: { attempts: 3, first: 0 },
      }),
    );
    const dead = await driveToItsEnd(driver, runId);
    expect(dead).toMatchObject({ status: 'dead', error: { kind: 'in_doubt' } });
    expect(statusOf(dead, 'charge')).toBe('in_doubt');
    calls = 10;
    await driver.resolve(runId, { step: 'charge', outcome: 'happened', result: 'charge' });
    expect((await driveToItsEnd(driver, runId)).status).toBe('completed');
  });

  it('is looked up where there is a look-up', async () => {
    const driver = newDriver();
    let calls = 0;
    const runId = await submit(driver, (ctx) =>
      ctx.step('charge', {
        ...effect('charge', () => (++calls === 1 ? lost() : refusal(false)())),
        find: async () => ({ outcome: 'found', result: 'found' }),
        retry: { attempts: 3, first: 0 },
      }),
    );
    expect(await driveToItsEnd(driver, runId)).toMatchObject({ status: 'completed', output: 'found' });
    expect(calls).toBe(2);
  });

  it('is the outcome when it is about the effect', async () => {
    const driver = newDriver();
    let calls = 0;
    const runId = await submit(driver, (ctx) =>
      ctx.step('charge', {
        run: async () => (++calls === 1 ? lost() : refusal(true)()),
        whenInDoubt: 'repeat',
        retry: { first: 0 },
      }),
    );
    expect(await driveToItsEnd(driver, runId)).toMatchObject({
      status: 'failed',
      error: { code: 'not_found' },
    });
  });

  it('of an undo leaves the undo in doubt', async () => {
    const driver = newDriver();
    let calls = 0;
    const runId = await submit(driver, async (ctx) => {
      await ctx.step('charge', {
        ...effect('charge'),
        retry: { attempts: 2, first: 0 },
        undo: async () => (++calls === 1 ? lost() : refusal(false)()),
      });
      throw new RejectedError({ code: 'regret', message: 'changed its mind' });
    });
    expect(await driveToItsEnd(driver, runId)).toMatchObject({
      status: 'dead',
      error: { kind: 'compensation_failed' },
    });
  });
});

it('a refusal about us parks the run, keeps the doubt, and undoes nothing', async () => {
  const driver = newDriver();
  let calls = 0;
  const runId = await submit(driver, async (ctx) => {
    await ctx.step('charge', effect('charge'));
    await ctx.step('label', {
      ...effect('label', () => {
        calls += 1;
        if (calls === 1) lost();
        if (calls === 2)
          throw new MisconfiguredError({ code: 'key_revoked', message: 'the key was revoked' });
      }),
      retry: { first: 0 },
    });
  });
  const dead = await driveToItsEnd(driver, runId);
  expect(dead).toMatchObject({
    status: 'dead',
    error: { kind: 'misconfigured', code: 'key_revoked', step: 'label' },
  });
  expect(statusOf(dead, 'label')).toBe('in_doubt');
  expect([...standing]).toEqual(['charge', 'label']);
  await driver.redrive(runId);
  expect((await driveToItsEnd(driver, runId)).status).toBe('completed');
});

it('a look-up that finds nothing counts only once no late request can arrive', async () => {
  const driver = newDriver({ retryScale: 1 });
  const runId = await submit(driver, (ctx) =>
    ctx.step('label', {
      run: async () => {
        seen.push('label');
        // the request arrives although its caller has given it up
        setTimeout(() => standing.add('label'), 150);
        return seen.length === 1 ? lost() : 'bought twice';
      },
      find: async () => {
        seen.push('find');
        return standing.has('label') ? { outcome: 'found', result: 'found' } : { outcome: 'none' };
      },
      settleFor: 400,
      retry: { first: 0 },
    }),
  );
  expect(await driveToItsEnd(driver, runId)).toMatchObject({ status: 'completed', output: 'found' });
  expect(seen).toEqual(['label', 'find', 'find']);
});
