import { runScript } from '@holdfast/redis';
import { waitFor } from '@holdfast/testkit';
import { Queue } from 'bullmq';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow, pauseOver, QUEUE_PREFIX, type Run } from '../src/index.ts';
import { loadScript } from '../src/journal/scripts.ts';
import { keys } from '../src/testing.ts';
import { startSystem, type TestSystem } from './system.ts';

const began: unknown[] = [];
const plain = (name: string) =>
  defineFlow({
    ...{ name, version: 1, input: z.unknown(), output: z.unknown() },
    run: (ctx, n) =>
      ctx.step('only', {
        run: async () => {
          began.push(n);
          return n;
        },
        whenInDoubt: 'repeat',
      }),
  });
const order = plain('order');
const other = plain('other');
const parent = defineFlow({
  ...{ name: 'parent', version: 1, input: z.unknown(), output: z.unknown() },
  async run(ctx) {
    await ctx.waitFor('go');
    return ctx.runChild('part', { flow: order, input: 'child' });
  },
});

let system: TestSystem;
beforeEach(async () => {
  began.length = 0;
  system = await startSystem([order, other, parent]);
});
afterEach(() => system.close());

const isHeldBack = (run: Run) => run.status === 'suspended' && run.waitingFor.kind === 'paused';
const heldBack = (runId: string) => system.runThat(runId, isHeldBack, 'held back');
const submitAs = async (tenant: string, flow = order) => {
  const request = { flow: flow.name, input: tenant, tenant, idempotencyKey: tenant, fingerprint: tenant };
  const reply = await system.client.submit(request);
  if (reply.outcome === 'key_reused') throw new Error('key reused');
  return reply.run.id;
};

it('nothing new of a paused flow begins; other flows, other tenants and what runs go on; resumed, all begins in its order', async () => {
  const running = await system.submit(parent, null);
  system.startWorker({ concurrency: 1 });
  await system.runWith(running, 'suspended');

  expect(await system.client.pause({ tenant: 't', flow: 'order' }, 'ada')).toBe('paused');
  expect(await system.client.pause({ tenant: 't', flow: 'order' }, 'bob')).toBe('paused_already');
  const [pause] = await system.client.pauses();
  expect(pause).toMatchObject({ tenant: 't', flow: 'order', by: 'ada' });
  expect(Math.abs((pause?.at ?? 0) - Date.now())).toBeLessThan(60_000);

  const held = [await system.submit(order, 1), await system.submit(order, 2), await system.submit(order, 3)];
  for (const runId of held) await heldBack(runId);
  expect(await system.connection.zcard(keys.heldBack)).toBe(3);
  await system.runWith(await system.submit(other, 'other'), 'completed');
  const theirs = await submitAs('them');
  await waitFor(async () => (await system.client.getRun('them', theirs))?.status === 'completed', {
    what: 'the run of another tenant to complete',
  });
  expect(began).toEqual(['other', 'them']);

  expect(await system.client.resume({ tenant: 't', flow: 'order' })).toBe('resumed');
  expect(await system.client.resume({ tenant: 't', flow: 'order' })).toBe('not_paused');
  for (const runId of held) await system.runWith(runId, 'completed');
  expect(began.slice(2)).toEqual([1, 2, 3]);
  expect(await system.client.pauses()).toEqual([]);
  expect(await system.connection.exists(keys.pauses, keys.heldBack)).toBe(0);

  await system.client.signal('t', running, { id: 'go', name: 'go', payload: null });
  expect((await system.runWith(running, 'completed')).output).toBe('child');
});

it('a flow is paused for all tenants, a tenant for all flows; what two pauses hold back waits for both', async () => {
  system.startWorker();
  await system.client.pause({ flow: 'order' }, 'ada');
  await system.client.pause({ tenant: 't' }, 'bob');
  const mine = await system.submit(order, 1);
  const theirs = await submitAs('them');
  const mineToo = await system.submit(other, 2);
  const free = await submitAs('free', other);
  await heldBack(mine);
  await heldBack(mineToo);
  await waitFor(async () => (await system.client.getRun('them', theirs))?.status === 'suspended', {
    what: "the other tenant's run to be held back",
  });
  await waitFor(async () => (await system.client.getRun('free', free))?.status === 'completed', {
    what: 'a run that no pause holds back to complete',
  });
  const pauses = await system.client.pauses();
  expect(pauseOver(pauses, { tenant: 't', flow: 'order' })?.by).toBe('ada');
  expect(pauseOver(pauses, { tenant: 't', flow: 'other' })?.by).toBe('bob');
  expect(pauseOver(pauses, { tenant: 'free', flow: 'other' })).toBeUndefined();

  await system.client.resume({ flow: 'order' });
  await waitFor(async () => (await system.client.getRun('them', theirs))?.status === 'completed', {
    what: "the other tenant's run to go on",
  });
  expect(await system.client.getRun('t', mine)).toMatchObject({ waitingFor: { kind: 'paused' } });
  await system.client.resume({ tenant: 't' });
  await system.runWith(mine, 'completed');
  await system.runWith(mineToo, 'completed');
});

it('a child begins when it is its tenant that is paused, and is held back when it is its flow', async () => {
  system.startWorker();
  const first = await system.submit(parent, null);
  const second = await system.submit(parent, null);
  for (const runId of [first, second]) await system.runWith(runId, 'suspended');
  await system.client.pause({ tenant: 't' }, 'ada');
  await system.client.signal('t', first, { id: 'go', name: 'go', payload: null });
  await system.runWith(first, 'completed');
  await system.client.pause({ tenant: 't', flow: 'order' }, 'ada');
  await system.client.resume({ tenant: 't' });
  await system.client.signal('t', second, { id: 'go', name: 'go', payload: null });
  await waitFor(async () => (await system.connection.zcard(keys.heldBack)) === 1, {
    what: 'the child to be held back',
  });
  await system.client.resume({ tenant: 't', flow: 'order' });
  await system.runWith(second, 'completed');
});

it('what is held back can be cancelled, and hears signals without beginning', async () => {
  system.startWorker();
  await system.client.pause({ tenant: 't' }, 'ada');
  const cancelled = await system.submit(order, 1);
  const signalled = await system.submit(parent, null);
  await heldBack(cancelled);
  const before = await heldBack(signalled);
  await system.client.cancel('t', cancelled);
  await system.runWith(cancelled, 'cancelled');
  await system.client.signal('t', signalled, { id: 'go', name: 'go', payload: null });
  await system.runThat(
    signalled,
    (run) => isHeldBack(run) && run.revision > before.revision + 1,
    'held back',
  );
  expect(began).toEqual([]);
  expect(await system.connection.zcard(keys.heldBack)).toBe(1);
  await system.client.resume({ tenant: 't' });
  await system.runWith(signalled, 'completed');
  expect(began).toEqual(['child']);
});

it('a rerun and a run that is to start later are held back too', async () => {
  system.startWorker();
  const runId = await system.submit(order, 1);
  await system.runWith(runId, 'completed');
  await system.client.pause({ tenant: 't' }, 'ada');
  expect(await system.client.rerun('t', runId)).toBe('rerun');
  await heldBack(runId);
  const later = await system.client.submit({
    ...{ flow: 'order', input: 2, tenant: 't', idempotencyKey: 'later', fingerprint: 'later' },
    startAt: Date.now() + 300,
  });
  if (later.outcome !== 'created') throw new Error(later.outcome);
  expect(later.run).toMatchObject({ waitingFor: { kind: 'start' } });
  await heldBack(later.run.id);
  await system.client.resume({ tenant: 't' });
  expect((await system.runWith(runId, 'completed')).generation).toBe(2);
  await system.runWith(later.run.id, 'completed');
});

it('workers wake what a resume left behind that died after its first command, or after it took runs', async () => {
  system.startWorker();
  await system.client.pause({ tenant: 't', flow: 'order' }, 'ada');
  const first = await system.submit(order, 1);
  await heldBack(first);
  await system.connection.hdel(keys.pauses, 't order');
  await system.runWith(first, 'completed');

  await system.client.pause({ tenant: 't', flow: 'order' }, 'ada');
  const second = await system.submit(order, 2);
  await heldBack(second);
  await system.connection.hdel(keys.pauses, 't order');
  const taken = await runScript(
    system.connection,
    loadScript('wake-resumed'),
    [keys.heldBack, keys.pauses, keys.alarms],
    [keys.run(''), '-', 100, 100, 500],
  );
  // a sweeper may have been first
  expect([['', 'order', second], ['']]).toContainEqual(taken);
  await system.runWith(second, 'completed');
});

it('a held-back run whose job is lost begins once it is resumed', async () => {
  system.startWorker();
  await system.client.pause({ tenant: 't', flow: 'order' }, 'ada');
  const runId = await system.submit(order, 1);
  await heldBack(runId);
  const queue = new Queue('order', { connection: system.connection, prefix: QUEUE_PREFIX });
  try {
    await waitFor(async () => (await queue.getDelayedCount()) === 1, { what: 'the job to be delayed' });
    await queue.obliterate({ force: true });
  } finally {
    await queue.close();
  }
  await system.client.resume({ tenant: 't', flow: 'order' });
  await system.runWith(runId, 'completed');
});

it('more runs than one look takes, and flows that stay paused before them', async () => {
  for (let n = 0; n < 120; n += 1) await system.client.pause({ tenant: `a${n}`, flow: 'order' }, 'ada');
  await system.client.pause({ tenant: 't', flow: 'order' }, 'ada');
  system.startWorker({ concurrency: 200 });
  for (let n = 0; n < 120; n += 1) await submitAs(`a${n}`);
  const held = await Promise.all(Array.from({ length: 250 }, (_, n) => system.submit(order, n)));
  await waitFor(async () => (await system.connection.zcard(keys.heldBack)) === 370, {
    what: 'all to be held back',
    timeoutMs: 20_000,
  });
  await system.client.resume({ tenant: 't', flow: 'order' });
  for (const runId of held) await system.runWith(runId, 'completed');
  expect(began).toHaveLength(250);
  expect(await system.connection.zcard(keys.heldBack)).toBe(120);
}, 60_000);
