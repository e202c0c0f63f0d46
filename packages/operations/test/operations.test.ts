import { DEAD_LETTERS, type Letter, QUEUE_PREFIX, StoreUnavailableError } from '@holdfast/engine';
import { waitFor } from '@holdfast/testkit';
import { Queue } from 'bullmq';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createOperations } from '../src/index.ts';
import { ADA, quietLog, startSystem, type TestSystem } from './system.ts';

const BEN = { name: 'ben', via: 'dashboard' } as const;

let system: TestSystem;
let letters: Queue<Letter>;
beforeAll(async () => {
  system = await startSystem();
  letters = new Queue<Letter>(DEAD_LETTERS, { connection: system.connection, prefix: QUEUE_PREFIX });
});
afterAll(async () => {
  await letters.close();
  await system.close();
});

const ALL = { limit: 1_000, ratePerSecond: 10_000, dryRun: false };

test('a redrive is in the log: who, how, what, and the run before and after; asked again it does nothing, and leaves no entry', async () => {
  const [runId = ''] = await system.dead(1);
  system.down = false;
  expect(await system.operations.redrive(ADA, 't', runId)).toBe('redriven');
  expect(await system.operations.redrive(BEN, 't', runId)).toBe('not_dead');
  await system.ended([runId]);

  const { data, nextCursor } = await system.operations.audit('t', { runId });
  expect(data).toEqual([
    {
      ...{ id: expect.any(String), at: expect.any(Number), actor: 'ada', via: 'api', action: 'redrive' },
      ...{ tenant: 't', runId, outcome: 'redriven', before: 'dead' },
      after: expect.stringMatching(/^(pending|running|completed)$/),
    },
  ]);
  expect(nextCursor).toBeUndefined();
  expect((await system.operations.audit('t', { limit: 1 })).data).toEqual(data);
});

test('what a person found out is not in the log, but that they said so', async () => {
  const [runId = ''] = await system.dead(1);
  const resolution = { step: 'ship', outcome: 'happened', result: 'a secret' } as const;
  expect(await system.operations.resolve(ADA, 't', runId, resolution)).toEqual({
    outcome: 'not_in_doubt',
  });
  expect(await system.operations.cancel(ADA, 't', runId)).toBe('cancelling');
  const { data } = await system.operations.audit('t', { runId });
  expect(data).toMatchObject([{ action: 'cancel', outcome: 'cancelling', before: 'dead' }]);
  expect(JSON.stringify(data)).not.toContain('secret');
});

test('another tenant sees neither the run nor its entries, and its try leaves none', async () => {
  const [runId = ''] = await system.dead(1);
  await system.operations.redrive(ADA, 't', runId);
  expect(await system.operations.redrive(ADA, 'other', runId)).toBeUndefined();
  expect(await system.operations.audit('other', { runId })).toEqual({ data: [] });
  expect(await system.operations.audit('other')).toEqual({ data: [] });
});

test('an action whose process died is in the log all the same, without an outcome', async () => {
  const [runId = ''] = await system.dead(1);
  const dying = createOperations({
    client: { ...system.client, redrive: () => Promise.reject(new StoreUnavailableError('gone', undefined)) },
    ...{ connection: system.connection, log: quietLog },
  });
  await expect(dying.redrive(ADA, 't', runId)).rejects.toMatchObject({ code: 'store_unavailable' });
  expect((await system.operations.audit('t', { runId })).data).toEqual([]);

  // as if it had been two minutes ago
  const open = await system.connection.hgetall('{hf0}/audit-open/t');
  for (const [id, text] of Object.entries(open)) {
    const earlier = text.replace(/^\d+/, (at) => String(Number(at) - 120_000));
    await system.connection.hset('{hf0}/audit-open/t', id, earlier);
  }
  const [first, again] = await Promise.all([1, 2].map(() => system.operations.audit('t')));
  expect(first?.data[0]).toMatchObject({ action: 'redrive', runId, before: 'dead' });
  expect(first?.data[0]).not.toHaveProperty('outcome');
  expect(again?.data.filter((entry) => entry.runId === runId).length).toBeLessThanOrEqual(1);
  expect((await system.operations.audit('t', { runId })).data).toHaveLength(1);
});

test('the log is read in pages, the newest first, each entry once', async () => {
  const seen: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await system.operations.audit('t', { limit: 2, ...(cursor && { cursor }) });
    expect(page.data.length).toBeLessThanOrEqual(2);
    seen.push(...page.data.map(({ id }) => id));
    cursor = page.nextCursor;
  } while (cursor);
  const { data } = await system.operations.audit('t', { limit: 200 });
  expect(seen).toEqual(data.map(({ id }) => id));
  expect(seen.length).toBeGreaterThan(2);
  await expect(system.operations.audit('t', { cursor: 'elsewhere' })).rejects.toMatchObject({
    code: 'cursor_invalid',
  });
});

test('two bulk redrives and a retry of every letter at once: each run goes on once, and each redrive is logged', async () => {
  const runIds = await system.dead(120, 'label_refused');
  await waitFor(async () => (await letters.getFailedCount()) >= 120, { what: 'the letters to have failed' });
  const fits = { ...ALL, code: 'label_refused' };
  const dry = { ...fits, dryRun: true };
  const nothing = { redriven: 0, skipped: 0, stopped: false };
  expect(await system.operations.bulkRedrive(ADA, 't', dry)).toEqual({
    ...nothing,
    matched: 120,
    more: false,
  });
  expect(await system.operations.bulkRedrive(ADA, 't', { ...dry, limit: 7 })).toEqual({
    ...{ ...nothing, matched: 7, more: true },
  });
  expect(await system.operations.bulkRedrive(ADA, 't', { ...dry, flow: 'other' })).toMatchObject({
    matched: 0,
  });

  system.down = false;
  system.shipped.length = 0;
  const [byAda, byBen] = await Promise.all([
    system.operations.bulkRedrive(ADA, 't', fits),
    system.operations.bulkRedrive(BEN, 't', fits),
    letters.retryJobs({ state: 'failed' }),
  ]);
  await system.ended(runIds);
  const ours = system.shipped.filter((key) => runIds.some((id) => key.startsWith(id)));
  expect(ours).toHaveLength(120);
  expect(new Set(ours).size).toBe(120);
  for (const id of runIds) {
    const run = await system.client.getRun('t', id);
    expect(run?.events.filter(({ kind }) => kind === 'redriven')).toHaveLength(1);
  }
  for (const done of [byAda, byBen]) expect(done.redriven + done.skipped).toBe(done.matched);

  const { data } = await system.operations.audit('t', { limit: 200 });
  const logged = data.filter(({ action, runId = '' }) => action === 'redrive' && runIds.includes(runId));
  expect(logged).toHaveLength(byAda.redriven + byBen.redriven);
  const sums = data.filter(({ action }) => action === 'bulk_redrive');
  expect(sums.map(({ actor }) => actor).sort()).toEqual(['ada', 'ben']);
  for (const { actor, outcome, detail } of sums) {
    const { matched, redriven, skipped } = actor === 'ada' ? byAda : byBen;
    expect({ outcome, detail }).toMatchObject({
      outcome: 'done',
      detail: { code: 'label_refused', matched, redriven, skipped },
    });
  }
});

test('a run that died again after somebody else redrove it is not taken up twice', async () => {
  await system.dead(2, 'again');
  const fits = { ...ALL, code: 'again' };
  let bens: Promise<unknown> = Promise.resolve();
  // the first of Ada's is done; Ben does them all, and the second dies again before it is her turn
  const adas = await system.operations.bulkRedrive(ADA, 't', { ...fits, ratePerSecond: 2 }, ({ matched }) => {
    if (matched === 1) bens = system.operations.bulkRedrive(BEN, 't', fits);
  });
  await bens;
  expect(adas).toMatchObject({ matched: 2, redriven: 1, skipped: 1 });
});

test('a bulk redrive keeps to its rate and its limit, and stops when it is told to', async () => {
  await system.dead(12, 'slowly');
  const startedAt = performance.now();
  const which = { ...ALL, code: 'slowly', limit: 6, ratePerSecond: 50 };
  const progress: number[] = [];
  const limited = await system.operations.bulkRedrive(ADA, 't', which, ({ redriven }) =>
    progress.push(redriven),
  );
  expect(performance.now() - startedAt).toBeGreaterThanOrEqual(5 * 20);
  expect(limited).toMatchObject({ matched: 6, redriven: 6, more: true, stopped: false });
  expect(progress).toEqual([1, 2, 3, 4, 5, 6]);

  system.down = true;
  await waitFor(
    async () =>
      (await system.operations.bulkRedrive(ADA, 't', { ...which, limit: 99, dryRun: true })).matched >= 6,
    { what: 'dead runs' },
  );
  const stop = new AbortController();
  const stopped = await system.operations.bulkRedrive(
    ...([BEN, 't', { ...which, limit: 99 }] as const),
    ({ redriven }) => redriven === 2 && stop.abort(),
    stop.signal,
  );
  expect(stopped).toMatchObject({ redriven: 2, more: true, stopped: true });
  const { data } = await system.operations.audit('t', { limit: 10 });
  expect(data.find(({ action }) => action === 'bulk_redrive')).toMatchObject({
    ...{ actor: 'ben', outcome: 'stopped', detail: { redriven: 2 } },
  });
});
