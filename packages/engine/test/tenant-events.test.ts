import { waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow, RejectedError, type TenantEvent, tenantEvents } from '../src/index.ts';
import { type Keys, keysOf } from '../src/journal/keys.ts';
import { redisJournal } from '../src/journal/redis-journal.ts';
import { startSystem, type TestSystem } from './system.ts';

const ends = defineFlow({
  name: 'ends',
  version: 1,
  input: z.enum(['well', 'refused', 'with a bug', 'never']),
  output: z.undefined(),
  async run(ctx, how) {
    if (how === 'never') await ctx.waitFor('go');
    await ctx.step('act', {
      run: () => {
        if (how === 'refused') throw new RejectedError({ code: 'no', message: 'no' });
        if (how === 'with a bug') throw new TypeError('bug');
      },
      whenInDoubt: 'halt',
    });
  },
});
/** Of Holdfast's own. */
const webhook = defineFlow({
  name: 'webhook',
  version: 1,
  input: z.null(),
  output: z.null(),
  run: async () => null,
});

let system: TestSystem;
let keys: Keys;
beforeAll(async () => {
  system = await startSystem([ends, webhook]);
  keys = keysOf(system.connection);
  system.startWorker();
});
afterAll(() => system.close());
beforeEach(async () => {
  await system.connection.del(keys.events('t'), keys.eventsDue, keys.subscribers('t'));
});

const events = () => tenantEvents(system.connection);
async function kept(since = 0): Promise<TenantEvent[]> {
  const found: TenantEvent[] = [];
  for await (const page of events().between('t', since, Date.now() + 60_000)) found.push(...page);
  return found;
}
/** What operations writes when the tenant has an endpoint. */
const subscribe = () => system.connection.zadd(keys.subscribers('t'), 0, '1:whe_1');

it.each([
  ['well', 'completed', 'run.completed', 0],
  ['refused', 'failed', 'run.failed', 0],
  ['with a bug', 'dead', 'run.dead', 1],
  ['never', 'cancelled', 'run.cancelled', 0],
] as const)('a run that ends %s raises one event', async (how, status, type, nth) => {
  await subscribe();
  const runId = await system.submit(ends, how);
  if (status === 'cancelled') {
    await system.runWith(runId, 'suspended');
    await system.client.cancel('t', runId);
  }
  await system.runWith(runId, status);
  const event = { tenant: 't', type, runId, generation: 1, nth, flow: 'ends' };
  expect(await kept()).toEqual([event]);
  expect(await events().takeDue(10, 60_000)).toEqual([
    { event, only: undefined, entry: `t ${type} ${runId} 1 ${nth} ends` },
  ]);
});

it('a dead run that is cancelled, with nothing left to undo, raises that it is', async () => {
  const runId = await system.submit(ends, 'with a bug');
  await system.runWith(runId, 'dead');
  const resolved = await system.client.cancel('t', runId);
  expect(resolved).toBe('cancelling');
  await system.runWith(runId, 'cancelled');
  expect((await kept()).map(({ type }) => type)).toEqual(['run.dead', 'run.cancelled']);
});

it('a rerun raises events of its own', async () => {
  const runId = await system.submit(ends, 'well');
  await system.runWith(runId, 'completed');
  await system.client.rerun('t', runId);
  await waitFor(async () => (await kept()).length === 2, { what: 'the second end' });
  expect((await kept()).map(({ generation }) => generation)).toEqual([1, 2]);
});

it('without subscribers an event is kept, and due to nobody', async () => {
  const runId = await system.submit(ends, 'well');
  await system.runWith(runId, 'completed');
  expect(await kept()).toHaveLength(1);
  expect(await events().takeDue(10, 60_000)).toEqual([]);
});

it("runs of Holdfast's own flows raise none", async () => {
  await subscribe();
  const runId = await system.submit(webhook, null);
  await system.runWith(runId, 'completed');
  expect(await kept()).toEqual([]);
});

it('what was taken comes back unless it was handed over', async () => {
  await subscribe();
  const runId = await system.submit(ends, 'well');
  await system.runWith(runId, 'completed');
  const [taken] = await events().takeDue(10, 60_000);
  expect(taken).toBeDefined();
  expect(await events().takeDue(10, 60_000)).toEqual([]);
  // the lease is over
  await system.connection.zadd(keys.eventsDue, 0, taken?.entry ?? '');
  const [again] = await events().takeDue(10, 60_000);
  expect(again).toEqual(taken);
  if (again) await events().handedOver(again);
  expect(await system.connection.zcard(keys.eventsDue)).toBe(0);
});

it('a replay is for one subscriber', async () => {
  const runId = await system.submit(ends, 'well');
  await system.runWith(runId, 'completed');
  const found = await kept();
  const only = { subscriber: 'whe_2', as: 'trip.ended' };
  await events().replay(found.map((event) => ({ event, ...only })));
  expect(await events().takeDue(10, 60_000)).toMatchObject([{ event: found[0], only }]);
});

it('events are kept as long as runs', async () => {
  const runId = await system.submit(ends, 'well');
  await system.runWith(runId, 'completed');
  const at = Date.now();
  const journal = redisJournal({ connection: system.connection, retentionMs: 3_600_000 });
  await journal.pruneRuns('t', 0, 10);
  expect(await kept()).toHaveLength(1);
  await system.connection.zadd(keys.events('t'), at - 3_700_000, `run.completed ${runId} 1 0 ends`);
  await journal.pruneRuns('t', 0, 10);
  expect(await kept()).toEqual([]);
});
