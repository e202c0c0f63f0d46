import { waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow, type ListQuery, RejectedError, UnavailableError } from '../src/index.ts';
import { keys } from '../src/testing.ts';
import { startSystem, type TestSystem } from './system.ts';

let broken = true;
const plain = defineFlow({
  name: 'plain',
  version: 1,
  input: z.unknown(),
  output: z.unknown(),
  run: async () => null,
});
const fragile = defineFlow({
  name: 'fragile',
  version: 1,
  input: z.unknown(),
  output: z.unknown(),
  run: (ctx) =>
    ctx.step('only', {
      run: async () => {
        if (broken) throw new UnavailableError({ code: 'away', message: 'away' });
      },
      whenInDoubt: 'repeat',
      retry: { attempts: 2 },
    }),
});
const refused = defineFlow({
  name: 'refused',
  version: 1,
  input: z.unknown(),
  output: z.unknown(),
  run: async () => Promise.reject(new RejectedError({ code: 'no', message: 'no' })),
});

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem([plain, fragile, refused]);
  system.startWorker({ retention: '1h' });
});
afterAll(() => system.close());

it("lists a tenant's runs page by page, the newest first, each once", async () => {
  const ids: string[] = [];
  for (let n = 0; n < 25; n += 1) ids.push(await system.submit(plain, n));
  for (const id of ids) await system.runWith(id, 'completed');
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await system.client.listRuns('t', {
      limit: 10,
      flow: 'plain',
      ...(cursor !== undefined && { cursor }),
    });
    seen.push(...page.runs.map((run) => run.id));
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  expect(seen.toSorted()).toEqual(ids.toSorted());
  const times = await Promise.all(
    seen.map(async (id) => (await system.client.getRun('t', id))?.createdAt ?? 0),
  );
  expect(times).toEqual(times.toSorted((a, b) => b - a));
  expect((await system.client.listRuns('other')).runs).toEqual([]);
  await expect(system.client.listRuns('t', { cursor: 'rubbish' })).rejects.toMatchObject({
    code: 'cursor_invalid',
  });
});

it('finds runs by status, code and time', async () => {
  const failed = await system.submit(refused, null);
  const run = await system.runWith(failed, 'failed');
  const byCode = await system.client.listRuns('t', { status: 'failed', code: 'no' });
  expect(byCode.runs.map((r) => r.id)).toEqual([failed]);
  expect((await system.client.listRuns('t', { since: run.createdAt + 1 })).runs).toEqual([]);
  const before = await system.client.listRuns('t', { before: run.createdAt });
  expect(before.runs.map((r) => r.id)).not.toContain(failed);
});

it('finds the runs that a key reaches, of one flow or of any, without a search', async () => {
  const one = await system.submit(plain, 1, 'same-key');
  const two = await system.submit(refused, 1, 'same-key');
  await system.runWith(one, 'completed');
  await system.runWith(two, 'failed');
  const ids = async (query: ListQuery) =>
    (await system.client.listRuns('t', { key: 'same-key', ...query })).runs.map((run) => run.id).toSorted();
  expect(await ids({})).toEqual([one, two].toSorted());
  expect(await ids({ flow: 'refused' })).toEqual([two]);
  expect(await ids({ status: 'completed' })).toEqual([one]);
  expect((await system.client.listRuns('other', { key: 'same-key' })).runs).toEqual([]);
});

it('lists the dead, and what went wrong with them, until they are redriven', async () => {
  broken = true;
  const dead = await system.submit(fragile, null);
  const run = await system.runWith(dead, 'dead');
  expect(run.events).toMatchObject([
    { kind: 'call', step: 'only', attempt: 1, until: expect.any(Number), error: { code: 'away' } },
    { kind: 'call', step: 'only', attempt: 2, outcome: 'unavailable' },
    { kind: 'died' },
  ]);
  expect((await system.client.listDead('t', { code: 'away' })).runs.map((r) => r.id)).toEqual([dead]);
  expect((await system.client.listDead('t', { code: 'other' })).runs).toEqual([]);
  // by status as well, and by when they were created, though they stand by when they died
  const listed = await system.client.listRuns('t', { status: 'dead', since: run.createdAt });
  expect(listed.runs.map((r) => r.id)).toEqual([dead]);
  expect((await system.client.listRuns('t', { status: 'dead', before: run.createdAt })).runs).toEqual([]);
  broken = false;
  expect(await system.client.redrive('t', dead)).toBe('redriven');
  const done = await system.runWith(dead, 'completed');
  expect(done.events.slice(-2)).toMatchObject([{ kind: 'redriven' }, { kind: 'call', outcome: 'ok' }]);
  expect((await system.client.listDead('t')).runs).toEqual([]);
});

it('goes past a run that left the list since, and takes no cursor of another list', async () => {
  broken = true;
  const ids = [];
  for (let n = 0; n < 3; n += 1) {
    const id = await system.submit(fragile, n);
    await system.runWith(id, 'dead');
    ids.unshift(id);
  }
  const first = await system.client.listDead('t', { limit: 1 });
  expect(first.runs.map((run) => run.id)).toEqual(ids.slice(0, 1));
  broken = false;
  await system.client.redrive('t', String(ids[0]));
  await system.client.redrive('t', String(ids[1]));
  const cursor = String(first.nextCursor);
  const second = await system.client.listDead('t', { cursor });
  expect(second.runs.map((run) => run.id)).toEqual(ids.slice(2));
  expect(second.nextCursor).toBeUndefined();
  await expect(system.client.listRuns('t', { cursor })).rejects.toMatchObject({ code: 'cursor_invalid' });
  await system.client.redrive('t', String(ids[2]));
});

it('forgets runs that have expired', async () => {
  const gone = await system.submit(plain, 'gone');
  await system.runWith(gone, 'completed');
  await system.connection.del(`{hf0}/run/${gone}`);
  expect((await system.client.listRuns('t')).runs.map((r) => r.id)).not.toContain(gone);
  expect(await system.connection.zscore('{hf0}/runs/t', gone)).toBeNull();

  const also = await system.submit(plain, 'also');
  await system.runWith(also, 'completed');
  await system.connection.del(`{hf0}/run/${also}`);
  system.startWorker();
  await waitFor(async () => (await system.connection.zscore('{hf0}/runs/t', also)) === null, {
    what: 'the list to be cleared',
  });
});

it('leaves out a run that something else has written to, says which, and shows the others', async () => {
  const key = 'written to';
  const broken = await system.submit(plain, 'broken', key);
  const good = await system.submit(plain, 'good');
  for (const id of [broken, good]) await system.runWith(id, 'completed');
  await system.connection.hset(keys.run(broken), 'output', '{"half":');
  const page = await system.client.listRuns('t', { limit: 2 });
  expect(page.unreadable).toEqual([broken]);
  expect(page.runs.map(({ id }) => id)).toContain(good);
  expect(await system.client.listRuns('t', { key, flow: 'plain' })).toEqual({
    runs: [],
    unreadable: [broken],
  });
});
