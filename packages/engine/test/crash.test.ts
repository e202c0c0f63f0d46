import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { waitFor } from '@holdfast/testkit';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow } from '../src/index.ts';
import { type Outside, type Reaction, startOutside } from './outside.ts';
import { startSystem, type TestSystem } from './system.ts';

// what the fixture's workers run; here only its name and schema count
const parcel = defineFlow({
  name: 'parcel',
  version: 1,
  input: z.unknown(),
  output: z.unknown(),
  run: async () => null,
});

let system: TestSystem;
let outside: Outside;
const children = new Set<ChildProcess>();

beforeEach(async () => {
  system = await startSystem([parcel]);
  outside = await startOutside();
});
afterEach(async () => {
  for (const child of children) await end(child, 'SIGKILL');
  children.clear();
  await outside.close();
  await system.close();
});

async function spawnWorker(options: object = {}): Promise<ChildProcess> {
  const fixture = fileURLToPath(new URL('fixtures/worker.mjs', import.meta.url));
  const settings = JSON.stringify({ retryScale: 0.01, ...options });
  const child = spawn(process.execPath, [fixture, system.redis.url, outside.url, settings], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  await once(child.stdout, 'data');
  return child;
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}

const killCaller =
  (when: 'before' | 'after'): Reaction =>
  (call, answer) => {
    if (when === 'after') answer.effect();
    process.kill(call.pid, 'SIGKILL');
    answer.drop();
  };

it.each([
  ['pay', 'before'],
  ['pay', 'after'],
  ['send', 'before'],
  ['send', 'after'],
  ['tell', 'before'],
  ['tell', 'after'],
] as const)(
  'goes on within two seconds when the worker is killed at %s, %s its effect; each effect once',
  async (operation, when) => {
    await Promise.all([spawnWorker(), spawnWorker()]);
    let killedAt = 0;
    outside.next(operation, (call, answer) => {
      killedAt = performance.now();
      killCaller(when)(call, answer);
    });
    const runId = await system.submit(parcel, null, `kill-${operation}-${when}`);
    await waitFor(() => killedAt > 0 && outside.calls.findLast((call) => call.operation === 'tell'), {
      what: 'the run to reach its end again',
    });
    const run = await system.runWith(runId, 'completed');
    expect(performance.now() - killedAt).toBeLessThan(3_000);
    expect(run.output).toEqual({
      paid: { pay: true },
      sent: expect.objectContaining({}),
      told: { tell: true },
    });
    expect(outside.effects).toEqual([`pay ${runId}:1:pay`, `send ${runId}:1:send`, `tell ${runId}:1:tell`]);
  },
);

it('fails nothing when its workers are killed again and again', async () => {
  const runIds = await Promise.all(['x', 'y', 'z'].map((key) => system.submit(parcel, null, `often-${key}`)));
  for (let kills = 0; kills < 3; kills += 1) {
    outside.next('send', killCaller('before'));
    await end(await spawnWorkerUntilDead(), 'SIGKILL');
  }
  await spawnWorker();
  for (const runId of runIds) await system.runWith(runId, 'completed');
  expect(outside.effects.toSorted()).toEqual(
    runIds.flatMap((id) => [`pay ${id}:1:pay`, `send ${id}:1:send`, `tell ${id}:1:tell`]).toSorted(),
  );
});

async function spawnWorkerUntilDead(): Promise<ChildProcess> {
  const child = await spawnWorker();
  await waitFor(() => child.signalCode !== null, { what: 'the worker to be killed by its call' });
  return child;
}

it('a worker that was stopped beyond its lock records nothing when it wakes', async () => {
  const zombie = await spawnWorker({ lock: '1s', stalledCheck: '500ms' });
  let heldCall: (() => void) | undefined;
  outside.next('send', (_call, answer) => {
    answer.effect();
    heldCall = answer.reply;
  });
  const runId = await system.submit(parcel, null, 'zombie');
  const reply = await waitFor(() => heldCall, { what: 'the call to be held' });
  zombie.kill('SIGSTOP');
  await spawnWorker({ lock: '1s', stalledCheck: '500ms' });
  const run = await system.runWith(runId, 'completed');
  reply();
  zombie.kill('SIGCONT');
  await end(zombie, 'SIGTERM');
  expect(await system.client.getRun('t', runId)).toEqual(run);
  expect(outside.effects).toEqual([`pay ${runId}:1:pay`, `send ${runId}:1:send`, `tell ${runId}:1:tell`]);
});

it('a worker told to stop lets its step end and hands the run over at once', async () => {
  const first = await spawnWorker();
  let heldCall: (() => void) | undefined;
  outside.next('pay', (_call, answer) => {
    heldCall = () => {
      answer.effect();
      answer.reply();
    };
  });
  const runId = await system.submit(parcel, null, 'drained');
  const reply = await waitFor(() => heldCall, { what: 'the call to be held' });
  await spawnWorker();
  const gone = end(first, 'SIGTERM');
  reply();
  await gone;
  const run = await system.runWith(runId, 'completed');
  expect(run.steps.map((step) => step.attempts)).toEqual([1, 1, 1]);
  expect(outside.effects).toHaveLength(3);
});

it.each(['stays away', 'comes back in the middle of it'])(
  'a worker told to stop while Redis is away stops, and its run goes on elsewhere; Redis %s',
  async (redisThen) => {
    const first = await spawnWorker();
    let heldCall: (() => void) | undefined;
    outside.next('send', (_call, answer) => {
      answer.effect();
      heldCall = answer.reply;
    });
    const runId = await system.submit(parcel, null, `stop ${redisThen}`);
    const reply = await waitFor(() => heldCall, { what: 'the call to be held' });
    await system.redis.kill('SIGKILL');
    const from = performance.now();
    const gone = end(first, 'SIGTERM');
    reply();
    if (redisThen !== 'stays away') {
      await setTimeout(1_000);
      await system.redis.start();
    }
    await gone;
    expect(performance.now() - from).toBeLessThan(9_500);
    if (redisThen === 'stays away') await system.redis.start();
    await spawnWorker();
    await system.runWith(runId, 'completed');
    expect(outside.effects).toEqual([`pay ${runId}:1:pay`, `send ${runId}:1:send`, `tell ${runId}:1:tell`]);
  },
);

it('loses nothing it acknowledged when Redis is killed in the middle', async () => {
  await spawnWorker();
  let heldCall: (() => void) | undefined;
  outside.next('send', (_call, answer) => {
    heldCall = () => {
      answer.effect();
      answer.reply();
    };
  });
  const runIds = await Promise.all(
    Array.from({ length: 20 }, (_, i) => system.submit(parcel, null, `redis-${i}`)),
  );
  const reply = await waitFor(() => heldCall, { what: 'a call to be held' });
  await system.redis.kill('SIGKILL');
  reply();
  await system.redis.start();
  for (const runId of runIds) await system.runWith(runId, 'completed');
  expect(outside.effects.toSorted()).toEqual(
    runIds.flatMap((id) => [`pay ${id}:1:pay`, `send ${id}:1:send`, `tell ${id}:1:tell`]).toSorted(),
  );
});

it('buries a run that ends its worker each time, and lets the others go on', async () => {
  const poison = await system.submit(parcel, null, 'poison');
  const others = await Promise.all(
    ['p', 'q', 'r'].map((key) => system.submit(parcel, null, `beside-${key}`)),
  );
  // an alarm may have to bring back what a dead sweeper was about to
  const patience = { timeoutMs: 30_000 };
  const endsAs = (runId: string, status: string) =>
    waitFor(
      async () => {
        const run = await system.client.getRun('t', runId);
        return run?.status === status && run;
      },
      { what: `${runId} to be ${status}`, ...patience },
    );
  let deaths = 0;
  // the others are lost with it once, and get on: a run that never does is lost as often as the one that kills
  const othersGotOn = async () => {
    if (deaths === 0)
      return others.every((id) => outside.effects.some((effect) => effect.startsWith(`send ${id}`)));
    const runs = await Promise.all(others.map((id) => system.client.getRun('t', id)));
    return runs.every((run) => run?.status === 'completed');
  };
  outside.every(
    (call) => call.operation === 'pay' && call.key.startsWith(poison),
    (call) =>
      void waitFor(othersGotOn, { what: 'the others to get on', ...patience }).then(() =>
        process.kill(call.pid, 'SIGKILL'),
      ),
  );
  for (; deaths < 3; deaths += 1) {
    const child = await spawnWorker({ poisonAfter: 3 });
    await waitFor(() => child.signalCode !== null, {
      what: 'the worker to be killed by its run',
      ...patience,
    });
  }
  await spawnWorker({ poisonAfter: 3 });
  const dead = await endsAs(poison, 'dead');
  expect('error' in dead && dead.error).toMatchObject({ kind: 'poison', code: 'poison' });
  for (const runId of others) await endsAs(runId, 'completed');
}, 90_000);

it('a worker whose event loop is blocked beyond its lock is no dead one: nobody else takes its run', async () => {
  const short = { lock: '1s', stalledCheck: '500ms' };
  const blocked = await spawnWorker(short);
  outside.next('pay', (_call, answer) => {
    answer.effect();
    answer.reply({ blockMs: 5_000 });
  });
  const runId = await system.submit(parcel, null, 'blocked');
  await waitFor(() => outside.effects.length > 0, { what: 'the payment' });
  const other = await spawnWorker(short);
  await waitFor(() => system.connection.llen('{hf0}:parcel:wait'), { what: 'the job to count as stalled' });
  // a worker that waits for jobs is woken by new ones only
  const beside = await system.submit(parcel, null, 'beside');
  await system.runWith(beside, 'completed');
  const run = await system.runWith(runId, 'completed');
  const callsOf = (id: string) => outside.calls.filter(({ key }) => key.startsWith(id));
  expect(callsOf(beside).map(({ pid }) => pid)).toEqual([other.pid, other.pid, other.pid]);
  expect(callsOf(runId).map(({ operation, pid }) => [operation, pid])).toEqual([
    ['pay', blocked.pid],
    ['send', blocked.pid],
    ['tell', blocked.pid],
  ]);
  expect(run.output).toEqual({ paid: { pay: true }, sent: { send: true }, told: { tell: true } });
});

it('a worker whose event loop has hung is a dead one', async () => {
  const short = { lock: '1s', stalledCheck: '500ms', hungAfter: '1s' };
  const hung = await spawnWorker(short);
  outside.next('pay', (_call, answer) => {
    answer.effect();
    answer.reply({ blockMs: 30_000 });
  });
  const runId = await system.submit(parcel, null, 'hung');
  await waitFor(() => outside.effects.length > 0, { what: 'the payment' });
  const other = await spawnWorker(short);
  await system.runWith(runId, 'completed');
  expect(outside.calls.map(({ pid }) => pid)).toEqual([hung.pid, other.pid, other.pid, other.pid]);
  expect(outside.effects).toHaveLength(3);
});
