import { waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow, type ListQuery, readOverview, readUsage } from '../src/index.ts';
import { keys } from '../src/testing.ts';
import { startSystem, type TestSystem } from './system.ts';

const TENANTS = Array.from({ length: 30 }, (_, n) => `tenant-${String(n).padStart(2, '0')}`);
const wobbly = defineFlow({
  ...{ name: 'wobbly', version: 1, input: z.boolean(), output: z.unknown() },
  run: (ctx, dies) =>
    ctx.step('only', {
      run: async () => {
        if (dies) throw new TypeError('a bug');
      },
      whenInDoubt: 'repeat',
    }),
});

let system: TestSystem;
const done: string[] = [];
const dead: string[] = [];
const submit = async (tenant: string, idempotencyKey: string, dies: boolean) => {
  const reply = await system.client.submit({
    ...{ flow: 'wobbly', input: dies, tenant, idempotencyKey, fingerprint: idempotencyKey },
    tags: { batch: tenant > 'tenant-14' ? 'late' : 'early' },
  });
  if (reply.outcome !== 'created') throw new Error(reply.outcome);
  return reply.run.id;
};
beforeAll(async () => {
  system = await startSystem([wobbly]);
  for (const tenant of TENANTS) {
    done.push(await submit(tenant, `order-${tenant}`, false));
    dead.push(await submit(tenant, 'the-same', true));
  }
  system.startWorker();
  await waitFor(async () => (await readOverview(system.connection)).dead === 30, { what: 'all to die' });
});
afterAll(() => system.close());

async function all(query: ListQuery): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await system.client.listAll({ limit: 7, ...query, ...(cursor !== undefined && { cursor }) });
    ids.push(...page.runs.map(({ id }) => id));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return ids;
}

it('the runs of more than twenty tenants are listed page by page, each once, and so are their dead', async () => {
  expect((await all({})).toSorted()).toEqual([...done, ...dead].toSorted());
  expect((await all({ status: 'dead' })).toSorted()).toEqual(dead.toSorted());
  expect(await all({ status: 'completed', flow: 'wobbly' })).toEqual(done.toReversed());
});

it('they are found by key, by what a key begins with, by tag and by time', async () => {
  expect((await all({ key: 'the-same', limit: 100 })).toSorted()).toEqual(dead.toSorted());
  expect((await all({ keyPrefix: 'order-tenant-2' })).toSorted()).toEqual(done.slice(20).toSorted());
  expect(await all({ keyPrefix: 'order-tenant-29' })).toEqual(done.slice(29));
  const late = await all({ tag: { name: 'batch', value: 'late' }, limit: 100 });
  expect(late.toSorted()).toEqual([...done.slice(15), ...dead.slice(15)].toSorted());
  const middle = (await system.client.findRun(done[10] ?? ''))?.createdAt ?? 0;
  const since = await all({ since: middle });
  expect(since).toContain(done[29]);
  expect(since).not.toContain(done[5]);
});

it('a dead run leaves the list however it is brought back', async () => {
  const [first = '', second = ''] = dead;
  await system.client.redrive('tenant-00', first);
  await system.client.cancel('tenant-01', second);
  await waitFor(async () => (await system.client.findRun(second))?.status === 'cancelled', {
    what: 'the second to be cancelled',
  });
  expect(await all({ status: 'dead' })).not.toContain(second);
});

it('an overview asks for as much however many tenants there are', async () => {
  await system.connection.config('RESETSTAT');
  const overview = await readOverview(system.connection);
  expect(overview).toMatchObject({ kept: 60, newest: { lookedAt: 60 } });
  expect(overview.spans.reduce((sum, { accepted }) => sum + accepted, 0)).toBe(60);
  const stats = await system.connection.info('commandstats');
  expect(Number(/cmdstat_zcount:calls=(\d+)/.exec(stats)?.[1])).toBe(60);
  expect(Number(/cmdstat_zcard:calls=(\d+)/.exec(stats)?.[1])).toBeLessThan(10);
});

it('what each tenant has is told', async () => {
  const { tenants, tenantsLeftOut } = await readUsage(system.connection);
  expect(tenants.map(({ tenant }) => tenant)).toEqual(TENANTS);
  expect(tenants[20]).toMatchObject({ kept: 2, dead: 1, open: 0 });
  expect(tenants[20]?.bytes).toBeGreaterThan(500);
  expect(tenantsLeftOut).toBe(0);
});

it('runs of before, which stand in the lists of their tenants alone, are found once a worker has swept', async () => {
  await system.connection.del(keys.allRuns, keys.allDead);
  // one whose worker is about to end it may be listed again at once
  expect((await all({})).length).toBeLessThan(10);
  system.startWorker();
  await waitFor(async () => (await all({})).length === 60, { what: 'all to be listed again' });
  expect((await all({ status: 'dead' })).length).toBeGreaterThanOrEqual(28);
});
