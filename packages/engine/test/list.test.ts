import { waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow, RejectedError, UnavailableError } from '../src/index.ts';
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

it('lists the dead, and what went wrong with them, until they are redriven', async () => {
  broken = true;
  const dead = await system.submit(fragile, null);
  const run = await system.runWith(dead, 'dead');
  expect(run.events).toMatchObject([
    { is: 'attempt_failed', step: 'only', attempt: 1, until: expect.any(Number), error: { code: 'away' } },
    { is: 'attempt_failed', step: 'only', attempt: 2 },
    { is: 'died' },
  ]);
  expect((await system.client.listDead('t', { code: 'away' })).runs.map((r) => r.id)).toEqual([dead]);
  expect((await system.client.listDead('t', { code: 'other' })).runs).toEqual([]);
  broken = false;
  expect(await system.client.redrive('t', dead)).toBe('redriven');
  const done = await system.runWith(dead, 'completed');
  expect(done.events.at(-1)).toMatchObject({ is: 'redriven' });
  expect((await system.client.listDead('t')).runs).toEqual([]);
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
