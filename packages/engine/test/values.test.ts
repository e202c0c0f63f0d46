import { runInNewContext } from 'node:vm';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { startTimer } from '../src/contract/duration.ts';
import { toErrorRecord } from '../src/drive/error-codec.ts';
import { defineFlow, type FlowContext, RejectedError, type Run, toMs } from '../src/index.ts';
import { encodeJson, NotJsonError } from '../src/journal/codec.ts';
import { createDriver, type Driver, keys } from '../src/testing.ts';

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
let driver: Driver;
beforeAll(async () => {
  redis = await startRedis();
  connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  driver = createDriver({ connection, flows: [any] });
});
afterAll(async () => {
  await driver.close();
  connection.disconnect();
  await redis.stop();
});

async function runToItsEnd(name: string, flow: (ctx: FlowContext) => Promise<unknown>): Promise<Run> {
  cases[name] = flow;
  const runId = await driver.submit(any, name, name);
  return waitFor(
    async () => {
      await driver.drive(runId);
      const run = await driver.read(runId);
      return run && ['completed', 'failed', 'cancelled', 'dead'].includes(run.status) ? run : undefined;
    },
    { what: `${name} to be over` },
  );
}

/** With its first item only. */
function holey(length: number): unknown[] {
  const list = new Array<unknown>(length);
  list[0] = 1;
  return list;
}

const deep = (levels: number): unknown => (levels === 0 ? 1 : { in: deep(levels - 1) });

describe('JSON', () => {
  const extra = Object.assign([1, 2], { total: 3 });
  it.each([
    ['a hole in an array', { list: holey(3) }, 'list[1] is a hole'],
    ['-0', { list: [-0] }, 'list[0] is -0'],
    ['a member beside the items of an array', { list: extra }, 'list.total is a member of an array'],
    ['a hole and a member that make up for each other', Object.assign(holey(2), { a: 1 }), '[1] is a hole'],
    ['unpaired surrogate', { note: 'a\ud800b' }, 'note is a string with half'],
    ['half of one in a name', { 'a\udc00': 1 }, 'is a member whose name has half'],
    ['a member that says how to be written', { at: { toJSON: () => 1 } }, 'at.toJSON is a function'],
    ['an array that says how to be written', Object.assign([1], { toJSON: () => 1 }), 'toJSON is a member'],
    ['what is too deep', deep(3_000), 'nested more than 500 levels deep'],
    ['a date', { at: new Date(0) }, 'at is a Date'],
    ['no number', { n: Number.NaN }, 'n is NaN'],
  ])('that would change without a word is an error with its place: %s', (_what, value, says) => {
    expect(() => encodeJson(value, 'the result')).toThrow(NotJsonError);
    expect(() => encodeJson(value, 'the result')).toThrow(says);
  });

  it.each([
    ['what is deep', deep(400)],
    ['what looks like an escape', { text: 'C:\\ud800', pair: '😀' }],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1 })],
    ['members that are undefined', { a: undefined, b: [] }],
  ])('that can be carried is: %s', (_what, value) => {
    expect(encodeJson(value, 'the result')).toBe(JSON.stringify(value));
  });
});

describe('whatever is thrown', () => {
  const fail = () => {
    throw new Error('do not look');
  };
  const circle: Error = new Error('round');
  circle.cause = circle;
  // in functions, since a test's name shows its arguments
  const thrown: Record<string, readonly [() => unknown, object]> = {
    'a message that is no string': [
      () => Object.assign(new Error(), { message: { text: 'odd' } }),
      { message: '{"text":"odd"}' },
    ],
    'an error of another realm': [
      () => runInNewContext('new TypeError("far")'),
      { code: 'type_error', message: 'far' },
    ],
    'no prototype': [() => Object.create(null), { code: 'not_an_error' }],
    'a circle of causes': [() => circle, { message: 'round' }],
    'something that does not want to be looked at': [
      () => new Proxy(new Error('x'), { get: fail, getPrototypeOf: fail }),
      {},
    ],
    'getters that throw': [
      () =>
        Object.defineProperties(new Error('x'), {
          message: { get: fail },
          code: { get: fail },
        }),
      { code: 'error' },
    ],
    'a symbol': [() => Symbol('s'), { code: 'not_an_error' }],
    nothing: [() => undefined, { code: 'not_an_error' }],
    'a huge number': [() => 10n ** 30n, { code: 'not_an_error' }],
    'an object that cannot be written': [() => ({ toString: fail, toJSON: fail }), { code: 'not_an_error' }],
    'many errors': [
      () => new AggregateError([new Error('a'), new TypeError('b')], 'both'),
      { message: 'both', errors: [{ message: 'a' }, { message: 'b' }] },
    ],
  };
  it.each(Object.keys(thrown))('can be kept: %s', (what) => {
    const [value, record] = thrown[what] ?? [() => undefined, {}];
    const kept = toErrorRecord(value());
    expect(kept).toMatchObject(record);
    expect(JSON.parse(JSON.stringify(kept))).toEqual(kept);
  });

  it('by Promise.any, of steps that were all refused, is a refusal', async () => {
    const no = (code: string) => ({
      run: () => Promise.reject(new RejectedError({ code, message: 'no' })),
      whenInDoubt: 'repeat' as const,
    });
    const run = await runToItsEnd('any of them', (ctx) =>
      Promise.any([ctx.step('a', no('a_said_no')), ctx.step('b', no('b_said_no'))]),
    );
    expect(run).toMatchObject({
      status: 'failed',
      error: { kind: 'rejected', code: 'a_said_no', step: 'a' },
    });
  });
});

describe('durations', () => {
  it.each(['', ' ', '100', 'soon', '-1s', -1, Number.NaN, Number.POSITIVE_INFINITY, '101y', 1e20])(
    'that are none are refused by name: %s',
    (duration) => {
      expect(() => toMs(duration as '1s')).toThrow(RangeError);
    },
  );

  it('longer than a timer of Node’s can be do not end at once', async () => {
    let ended = false;
    const stop = startTimer(toMs('30d'), () => {
      ended = true;
    });
    let calls = 0;
    const run = await runToItsEnd('a month', (ctx) =>
      ctx.step('long', {
        run: async () => {
          calls += 1;
          await new Promise((resolve) => setTimeout(resolve, 30));
          return 'done';
        },
        timeout: '30d',
        whenInDoubt: 'repeat',
      }),
    );
    expect(run).toMatchObject({ status: 'completed', output: 'done' });
    expect(calls).toBe(1);
    expect(ended).toBe(false);
    stop();
  });

  it('too long to wait for are the flow’s mistake, and nobody else’s', async () => {
    expect(await runToItsEnd('ages', (ctx) => ctx.sleep('1000y'))).toMatchObject({
      status: 'dead',
      error: { kind: 'bug' },
    });
    cases.century = (ctx) => ctx.waitFor('go', { timeout: '99y' });
    const runId = await driver.submit(any, 'century', 'century');
    await driver.drive(runId);
    const run = await driver.read(runId);
    expect(run).toMatchObject({ status: 'suspended', waitingFor: { kind: 'signal' } });
    expect(new Date(run?.waits[0]?.until ?? Number.NaN).toISOString()).toMatch(/^21/);
  });

  it('of before that end after all dates are shown as the last one', async () => {
    cases.old = (ctx) => ctx.waitFor('go');
    const runId = await driver.submit(any, 'old', 'old');
    await driver.drive(runId);
    await connection.hset(
      keys.run(runId),
      'waiting',
      JSON.stringify({ kind: 'signal', name: 'go', until: 1e20 }),
    );
    expect(await driver.read(runId)).toMatchObject({ waitingFor: { until: 8.64e15 } });
  });
});

it('a recorded error has no mail address, card number or credential in it', () => {
  const cause = new Error('Authorization: Bearer abc.def-ghi_jkl');
  const error = new Error('no route to ada@example.com for card 4242 4242 4242 4242', { cause });
  const { message, stack, cause: inner } = toErrorRecord(error);
  expect(message).toBe('no route to [redacted] for card [redacted]');
  expect(stack).not.toContain('ada@example.com');
  expect(inner?.message).toBe('Authorization: [redacted]');
  // one that is cut does not end in half of a secret
  const long = toErrorRecord(new Error(`${'x '.repeat(995)}ada.lovelace@example.com`));
  expect(long.message).not.toContain('ada');
});
