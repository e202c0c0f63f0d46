import { startTcpProxy, type TcpProxy, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow, RejectedError, UnavailableError } from '../src/index.ts';
import { loadScript } from '../src/journal/scripts.ts';
import { quietLog, startSystem, type TestSystem } from './system.ts';

const effects: string[] = [];
let held: (() => void) | undefined;

/** Pays, fails once, pays again, and undoes when it is told to. */
const trip = defineFlow({
  name: 'trip',
  version: 1,
  input: z.enum(['goes_well', 'is_refused', 'has_a_bug', 'is_held']),
  output: z.unknown(),
  async run(ctx, how) {
    await ctx.step('first', {
      run: async (call) => {
        effects.push(`first ${call.runId}`);
        if (how === 'is_held') await new Promise<void>((resolve) => (held = resolve));
        return 1;
      },
      undo: async (_result, call) => void effects.push(`undo first ${call.runId}`),
      whenInDoubt: 'repeat',
    });
    let attempts = 0;
    await ctx.step('second', {
      run: async (call) => {
        attempts = call.attempt;
        if (attempts === 1) throw new UnavailableError({ code: 'away', message: 'away' });
        if (how === 'is_refused') throw new RejectedError({ code: 'no', message: 'no' });
        if (how === 'has_a_bug') throw new TypeError('oops');
        effects.push(`second ${call.runId}`);
      },
      whenInDoubt: 'repeat',
    });
    return null;
  },
});

let system: TestSystem;
let proxy: TcpProxy;
beforeEach(async () => {
  effects.length = 0;
  held = undefined;
  system = await startSystem([trip]);
  proxy = await startTcpProxy(system.redis.port);
});
afterEach(async () => {
  await system.close();
  await proxy.close();
});

function startWorkerBehindProxy(options: object = {}) {
  const connection = new Redis(proxy.url, { maxRetriesPerRequest: null, retryStrategy: () => 20 });
  connection.on('error', () => {});
  return system.startWorker({ connection, redisUrls: [proxy.url], ...options });
}

const isScript = (name: string) => {
  const { sha } = loadScript(name);
  return (command: readonly string[]) => command[0]?.toLowerCase() === 'evalsha' && command[1] === sha;
};

it.each([
  ['claim-run', 'goes_well', 'completed'],
  ['record-step', 'goes_well', 'completed'],
  ['suspend-run', 'goes_well', 'completed'],
  ['finish-run', 'goes_well', 'completed'],
  ['start-compensation', 'is_refused', 'failed'],
  ['bury-run', 'has_a_bug', 'dead'],
] as const)(
  '%s whose reply is lost is sent again and counts once (a run that %s)',
  async (script, how, ends) => {
    startWorkerBehindProxy();
    const warm = await system.submit(trip, how);
    await system.runWith(warm, ends);
    const lost = proxy.loseReplyTo(isScript(script));
    const runId = await system.submit(trip, how);
    await lost;
    const run = await system.runWith(runId, ends);
    expect(run.steps.map((step) => [step.name, step.attempts])).toEqual([
      ['first', 1],
      ['second', 2],
    ]);
    if (run.status === 'dead') expect(run.deaths).toBe(1);
    const expected = { completed: ['first', 'second'], failed: ['first', 'undo first'], dead: ['first'] }[
      ends
    ];
    expect(effects.filter((effect) => effect.endsWith(runId))).toEqual(
      expected.map((effect) => `${effect} ${runId}`),
    );
  },
);

it('a worker that is cut off without a word loses its run to another, and writes nothing when it is back', async () => {
  const cutOff = startWorkerBehindProxy({ lock: '1s', stalledCheck: '500ms' });
  const runId = await system.submit(trip, 'is_held');
  const release = await waitFor(() => held, { what: 'the step to be under way' });
  proxy.blackHole();
  held = undefined;
  system.startWorker({ lock: '1s', stalledCheck: '500ms' });
  const again = await waitFor(() => held, { what: 'another worker to take the step over' });
  again();
  const run = await system.runWith(runId, 'completed');
  proxy.heal();
  release();
  await waitFor(() => cutOff.check().then(() => true), { what: 'the first worker to be back' });
  expect(await system.client.getRun('t', runId)).toEqual(run);
});

async function runMany(count: number, meanwhile: () => Promise<void>): Promise<void> {
  const runIds = await Promise.all(Array.from({ length: count }, () => system.submit(trip, 'goes_well')));
  await waitFor(() => effects.length > count / 4, { what: 'the runs to be under way' });
  await meanwhile();
  for (const runId of runIds) await system.runWith(runId, 'completed');
  expect(effects.toSorted()).toEqual(runIds.flatMap((id) => [`first ${id}`, `second ${id}`]).toSorted());
}

it('goes on when Redis forgets its scripts', async () => {
  system.startWorker({ concurrency: 5 });
  await runMany(40, async () => void (await system.connection.script('FLUSH')));
});

it('goes on when Redis drops every connection, or stops answering for a while', async () => {
  system.startWorker({ concurrency: 5 });
  await runMany(40, async () => {
    await system.connection.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await system.connection.call('CLIENT', 'PAUSE', '300');
  });
});

it.each([
  ['is full', ['CONFIG', 'SET', 'maxmemory', '1'], ['CONFIG', 'SET', 'maxmemory', '0']],
  ['is read-only', ['REPLICAOF', '127.0.0.1', '1'], ['REPLICAOF', 'NO', 'ONE']],
] as const)(
  'keeps what it has while Redis %s, says so once, and goes on when it takes writes',
  async (_how, refuse, accept) => {
    const lines: string[] = [];
    const log = { ...quietLog, error: (_facts: object, message: string) => void lines.push(message) };
    system.startWorker({ concurrency: 5, log });
    const call = ([name, ...args]: readonly string[]) => system.connection.call(name ?? '', ...args);
    await runMany(20, async () => {
      await call(refuse);
      await waitFor(() => lines.length > 0, { what: 'the refusal to be noticed' });
      await call(accept);
    });
    expect(lines.filter((line) => line.includes('read-only or full')).length).toBeLessThanOrEqual(3);
    expect(lines.length).toBeLessThan(10);
  },
);

it('a thousand parked runs cost Redis nothing while they wait', async () => {
  const parked = defineFlow({
    name: 'parked',
    version: 1,
    input: z.unknown(),
    output: z.unknown(),
    run: (ctx) => ctx.waitFor('go'),
  });
  const other = await startSystem([parked]);
  try {
    other.startWorker();
    const idle = await commandsInOneSecond(other.connection);
    const runIds = await Promise.all(Array.from({ length: 1_000 }, () => other.submit(parked, null)));
    for (const runId of runIds) await other.runWith(runId, 'suspended');
    const waiting = await commandsInOneSecond(other.connection);
    expect(waiting).toBeLessThan(idle + 20);
    await other.client.signal('t', runIds[500] ?? '', { id: 'go', name: 'go', payload: 'now' });
    expect((await other.runWith(runIds[500] ?? '', 'completed')).output).toBe('now');
  } finally {
    await other.close();
  }
});

/** Between two of a worker's proofs of life that are a second apart. */
async function commandsInOneSecond(connection: Redis): Promise<number> {
  const canary = async () => Number(await connection.get('{hf0}/canary'));
  const processed = async () =>
    Number(/total_commands_processed:(\d+)/.exec(await connection.info('stats'))?.[1]);
  const begun = await waitFor(canary, { what: 'a proof of life' });
  const before = await processed();
  await waitFor(async () => (await canary()) >= begun + 4, { what: 'four proofs of life', everyMs: 250 });
  return (await processed()) - before;
}
