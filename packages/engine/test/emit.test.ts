import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow } from '../src/index.ts';
import { type TenantEvent, tenantEvents } from '../src/observe/tenant-events.ts';
import { startSystem, type TestSystem } from './system.ts';

const plain = { version: 1, input: z.unknown(), output: z.unknown() };
const ships = defineFlow({
  ...plain,
  name: 'ships',
  async run(ctx) {
    await ctx.step('ship', { run: () => 'done', whenInDoubt: 'repeat' });
    await ctx.emit('order.shipped', { tracking: 'T-1' });
    await ctx.emit('order.shipped', { tracking: 'another' });
    await ctx.sleep(1);
    await Promise.all([ctx.emit('order.closed'), ctx.emit('order.packed', [1, 2])]);
  },
});
const misnamed = defineFlow({ ...plain, name: 'misnamed', run: (ctx, name) => ctx.emit(String(name)) });
const large = defineFlow({
  ...plain,
  name: 'large',
  run: (ctx) => ctx.emit('order.large', 'x'.repeat(70_000)),
});

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem([ships, misnamed, large]);
  system.startWorker();
});
afterAll(() => system.close());

async function eventsOf(runId: string): Promise<TenantEvent[]> {
  const found: TenantEvent[] = [];
  for await (const page of tenantEvents(system.connection).between('t', 0, Date.now() + 1_000))
    found.push(...page.filter((event) => event.runId === runId));
  return found;
}

it('an event is raised once per run and name, with what was given first', async () => {
  const runId = await system.submit(ships, null);
  await system.runWith(runId, 'completed');
  const all = await eventsOf(runId);
  const types = ['order.closed', 'order.packed', 'order.shipped', 'run.completed'];
  expect(all.map(({ type }) => type).sort()).toEqual(types);
  const payloads = await Promise.all(all.map((event) => tenantEvents(system.connection).payloadOf(event)));
  expect(Object.fromEntries(all.map(({ type }, n) => [type, payloads[n]]))).toEqual({
    'order.shipped': { tracking: 'T-1' },
    'order.closed': null,
    'order.packed': [1, 2],
    'run.completed': undefined,
  });
  for (const key of await system.connection.keys('{hf0}/event-payload/*'))
    expect(await system.connection.pttl(key)).toBeGreaterThan(0);
});

it('a run that is started afresh raises its own', async () => {
  const runId = await system.submit(ships, null);
  await system.runWith(runId, 'completed');
  await system.client.rerun('t', runId);
  await system.runThat(runId, (run) => run.generation === 2 && run.status === 'completed', 'done again');
  const shipped = (await eventsOf(runId)).filter(({ type }) => type === 'order.shipped');
  expect(shipped.map(({ generation }) => generation).sort()).toEqual([1, 2]);
});

it.each(['run.done', 'payment.done', 'webhook.done', 'single', 'a.b.c', 'Order.shipped', 'a b.c', ''])(
  'the name %j is a mistake of the flow',
  async (name) => {
    const run = await system.runWith(await system.submit(misnamed, name), 'dead');
    expect(run.error).toMatchObject({ kind: 'bug', code: 'event_name_invalid' });
  },
);

it('data that is too large is a mistake of the flow', async () => {
  const run = await system.runWith(await system.submit(large, null), 'dead');
  expect(run.error).toMatchObject({ kind: 'bug', code: 'event_too_large' });
});
