import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import {
  type CallEvent,
  defineFlow,
  InDoubtError,
  LIMITS,
  type RequestSeen,
  type Run,
  type StepCall,
  ThrottledError,
} from '../src/index.ts';
import { keys } from '../src/testing.ts';
import { startSystem, type TestSystem } from './system.ts';

type Reaction = (call: StepCall) => unknown;
/** What the outside does with the calls to come, by what they are for. */
const next: Record<'run' | 'look_up', Reaction[]> = { run: [], look_up: [] };

async function react(what: keyof typeof next, call: StepCall): Promise<unknown> {
  return (next[what].shift() ?? (() => 'done'))(call);
}

const label = defineFlow({
  name: 'label',
  version: 1,
  input: z.unknown(),
  output: z.unknown(),
  async run(ctx) {
    await ctx.step('buy', {
      run: (call) => react('run', call),
      whenInDoubt: async (call) => {
        const found = await react('look_up', call);
        return found === 'done' ? { outcome: 'none' } : { outcome: 'found', result: found };
      },
      settleFor: 0,
      timeout: '1s',
      retry: { attempts: 200, first: '1ms', max: '1ms' },
    });
    await ctx.step('check', { run: async () => true, whenInDoubt: 'repeat' });
  },
});

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem([label]);
  system.startWorker();
});
afterAll(() => system.close());

const seen = (more: Partial<RequestSeen> = {}): RequestSeen => ({
  ...{ what: 'POST /labels', sent: true, outcome: 'in_doubt', durationMs: 3 },
  ...more,
});
const reset: Reaction = (call) => {
  call.seen?.(seen({ code: 'connection_reset', requestId: 'req_1' }));
  throw new InDoubtError({ code: 'connection_reset', message: 'the connection broke' });
};
const breakerOpen: Reaction = (call) => {
  call.seen?.(seen({ what: 'GET /labels', sent: false, outcome: 'throttled', code: 'breaker_open' }));
  throw new ThrottledError({ code: 'breaker_open', message: 'nothing was sent', unsent: true });
};
const calls = (run: Run) => run.events.filter((event): event is CallEvent => event.kind === 'call');

it('a look-up that was put off does not take the place of the call that was sent', async () => {
  next.run = [reset, reset, () => ({ id: 'l_1' })];
  next.look_up = [breakerOpen, () => 'done', breakerOpen, () => 'done'];
  const run = await system.runWith(await system.submit(label, null), 'completed');
  const told = calls(run).filter(({ step }) => step === 'buy');
  expect(told.map(({ what, attempt, outcome, sent, n }) => [n, what, attempt, outcome, sent])).toEqual([
    [1, 'run', 1, 'in_doubt', true],
    [2, 'look_up', 1, 'throttled', false],
    [3, 'look_up', 1, 'none', undefined],
    [4, 'run', 2, 'in_doubt', true],
    [5, 'look_up', 2, 'throttled', false],
    [6, 'look_up', 2, 'none', undefined],
    [7, 'run', 3, 'ok', undefined],
  ]);
  expect(told[0]).toMatchObject({
    key: `${run.id}:1:buy`,
    requests: [
      { what: 'POST /labels', sent: true, code: 'connection_reset', requestId: 'req_1', durationMs: 3 },
    ],
    error: { code: 'connection_reset', kind: 'in_doubt' },
  });
  for (const { startedAt, at } of told) expect(at).toBeGreaterThanOrEqual(startedAt);
  expect(run.callsLeftOut).toBe(0);
});

it('a call that ran out of time is told with the request that it broke off', async () => {
  next.run = [
    (call) =>
      new Promise((_resolve, reject) => {
        call.signal.addEventListener('abort', async () => {
          for (let hop = 0; hop < 10; hop += 1) await undefined;
          call.seen?.(seen({ code: 'aborted' }));
          reject(new InDoubtError({ code: 'aborted', message: 'aborted' }));
        });
      }),
    () => ({ id: 'l_2' }),
  ];
  const run = await system.runWith(await system.submit(label, null), 'completed');
  expect(calls(run)[0]).toMatchObject({
    ...{ what: 'run', outcome: 'in_doubt', sent: true, error: { code: 'step_timeout' } },
    requests: [{ what: 'POST /labels', code: 'aborted' }],
  });
});

it('what went well at the first try is told by its record: when, and under which key', async () => {
  const run = await system.runWith(await system.submit(label, null), 'completed');
  const kept = Object.keys(await system.connection.hgetall(keys.run(run.id)));
  expect(kept.filter((field) => field.startsWith('h:'))).toEqual([]);
  expect(calls(run).map(({ step, what, outcome, key }) => [step, what, outcome, key])).toEqual([
    ['buy', 'run', 'ok', `${run.id}:1:buy`],
    ['check', 'run', 'ok', `${run.id}:1:check`],
  ]);
});

it('of a great many calls the first and the last are kept, and how many are missing is said', async () => {
  next.run = Array.from({ length: 90 }, () => reset);
  next.look_up = Array.from({ length: 90 }, () => () => 'done');
  const run = await system.runWith(await system.submit(label, null), 'completed');
  const told = calls(run).filter(({ step }) => step === 'buy');
  expect(told).toHaveLength(60);
  expect(run.callsLeftOut).toBe(181 - 60);
  expect(told[0]).toMatchObject({ n: 1, what: 'run', outcome: 'in_doubt' });
  expect(told.at(-1)).toMatchObject({ n: 181, outcome: 'ok', attempt: 91 });
}, 30_000);

it('a history takes no more bytes than it may, however long the words of a provider', async () => {
  const long = 'x'.repeat(100_000);
  next.run = Array.from({ length: 30 }, () => (call: StepCall) => {
    for (let n = 0; n < 30; n += 1) {
      call.seen?.(seen({ what: long, code: long, requestId: long }));
    }
    throw new InDoubtError({ code: long, message: long });
  });
  const run = await system.runWith(await system.submit(label, null), 'completed');
  const kept = Object.entries(await system.connection.hgetall(keys.run(run.id)));
  const bytes = kept.reduce((sum, [field, text]) => sum + (field.startsWith('h:') ? text.length : 0), 0);
  expect(bytes).toBeGreaterThan(20_000);
  expect(bytes).toBeLessThan(LIMITS.historyBytes);
  expect(calls(run)[0]?.requests).toHaveLength(8);
}, 30_000);

it('reads what 0.1 kept of attempts that failed, and completes it from the record', async () => {
  const run = await system.runWith(await system.submit(label, null), 'completed');
  const [buy] = calls(run);
  if (!buy) throw new Error('no call');
  const old = {
    ...{ is: 'attempt_failed', at: buy.startedAt + 1, startedAt: buy.startedAt, step: 'buy', undo: false },
    ...{ attempt: 1, until: buy.at, error: { code: 'reset', message: 'm', kind: 'in_doubt' } },
  };
  await system.connection.hset(keys.run(run.id), 'h:s:buy:1', JSON.stringify(old));
  const again = await system.client.getRun('t', run.id);
  expect(again && calls(again).filter(({ step }) => step === 'buy')).toMatchObject([
    { what: 'run', outcome: 'in_doubt', startedAt: buy.startedAt, key: buy.key, until: buy.at },
    { what: 'run', outcome: 'ok', startedAt: buy.at, at: buy.at },
  ]);
});
