import { startRedis, type TestRedis } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Failure } from '../src/contract/run.ts';
import { fieldOf } from '../src/journal/identity.ts';
import type { ClaimedRun, Entry, Journal } from '../src/journal/journal.ts';
import { redisJournal } from '../src/journal/redis-journal.ts';
import { encodeRecord } from '../src/journal/step-record.ts';
import { keys } from '../src/testing.ts';

const RETENTION_MS = 3_600_000;
const FAILURE: Failure = { kind: 'bug', code: 'x', message: 'x' };

let redis: TestRedis;
let connection: Redis;
let journal: Journal;
let made = 0;

beforeAll(async () => {
  redis = await startRedis();
  connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  journal = redisJournal({ connection, retentionMs: RETENTION_MS });
});
afterAll(async () => {
  connection.disconnect();
  await redis.stop();
});

async function createRun(): Promise<string> {
  made += 1;
  const runId = `run_${made}`;
  await journal.createRun({
    ...{ runId, fingerprint: 'f', tenant: 't', flow: 'trip', version: 1 },
    ...{ idempotencyKey: `k${made}`, input: '{}' },
  });
  return runId;
}

async function claim(runId: string, claimant: string): Promise<ClaimedRun> {
  const jobId = (await journal.whereIs(runId))?.jobId ?? '';
  const reply = await journal.claimRun({ runId, flow: 'trip', jobId }, claimant, [1]);
  if (reply.outcome !== 'claimed') throw new Error(`the claim was answered ${reply.outcome}`);
  return reply.run;
}

function completed(step: string, result: string): Entry {
  const record = { kind: 'completed', seq: 1, attempts: 1, startedAt: 1, finishedAt: 2 } as const;
  return { field: fieldOf('step', step), record: encodeRecord(record, JSON.stringify(result)) };
}

const stored = (runId: string) => connection.hgetall(keys.run(runId));

/** All that an owner may write. */
const writes = {
  recordStep: (run: ClaimedRun) => journal.recordStep(run, [completed('a', 'late')], true),
  startCompensation: (run: ClaimedRun) =>
    journal.startCompensation(run, { ends: 'failed', failure: FAILURE }, [completed('a', 'late')]),
  suspendRun: (run: ClaimedRun) =>
    journal.suspendRun(
      run,
      { for: 'wait', delayMs: 60_000, waiting: { kind: 'timer', name: 'n', until: 1 } },
      [],
    ),
  'suspendRun, handing back': (run: ClaimedRun) => journal.suspendRun(run, { for: 'other_worker' }, []),
  recordDoubts: (run: ClaimedRun) => journal.recordDoubts(run, [completed('a', 'late')]),
  finishRun: (run: ClaimedRun) => journal.finishRun(run, { status: 'completed', output: '1' }, []),
  buryRun: (run: ClaimedRun) => journal.buryRun(run, FAILURE, []),
};

it.each(Object.entries(writes))('another owner cannot write: %s', async (name, write) => {
  const runId = await createRun();
  const former = await claim(runId, 'a.1');
  const owner = await claim(runId, 'b.1');
  const before = await stored(runId);
  expect(await write(former)).toBe(name === 'buryRun' ? undefined : 'stale_owner');
  expect(await stored(runId)).toEqual(before);
  expect(await journal.recordStep(owner, [completed('a', 'mine')], true)).toBe('done');
});

it.each(Object.entries(writes))('sent twice, it counts once: %s', async (_name, write) => {
  const runId = await createRun();
  const run = await claim(runId, 'a.1');
  const first = await write(run);
  const before = await stored(runId);
  expect(await write(run)).toBe(first);
  // a record that comes again may count as a change of the run; nothing else does
  const unlessCounted = ({ revision: _r, updatedAt: _u, ...rest }: Record<string, string>) => rest;
  expect(unlessCounted(await stored(runId))).toEqual(unlessCounted(before));
});

it('a claim sent twice is one claim; each other claim raises the epoch and is counted until there is progress', async () => {
  const runId = await createRun();
  const [first, again] = [await claim(runId, 'a.1'), await claim(runId, 'a.1')];
  expect(again).toMatchObject({ owner: first.owner, claims: 1 });
  const second = await claim(runId, 'b.1');
  expect([first.owner, second.owner]).toEqual(['1:a.1', '2:b.1']);
  expect(second.claims).toBe(2);
  await journal.recordStep(second, [completed('a', 'done')], true);
  expect((await claim(runId, 'c.1')).claims).toBe(2);
});

it.each([
  ['waits', { for: 'wait', delayMs: 0, waiting: { kind: 'timer', name: 'n', until: 1 } }],
  ['is handed back', { for: 'other_worker' }],
] as const)('when a run %s, its next owner knows that nothing was lost', async (_how, park) => {
  const runId = await createRun();
  await journal.suspendRun(await claim(runId, 'a.1'), park, []);
  expect(await claim(runId, 'b.1')).toMatchObject({ claims: 1, lostSince: undefined });
});

it('an owner that did not let go leaves a mark, which stays until what it may have started is recorded', async () => {
  const runId = await createRun();
  const first = await claim(runId, 'a.1');
  expect(first.lostSince).toBeUndefined();
  const second = await claim(runId, 'b.1');
  expect(second.lostSince).toBe(first.now);
  await journal.buryRun(second, FAILURE, []);
  await journal.redriveRun({ runId, tenant: 't' }, 1, 'call');
  const third = await claim(runId, 'c.1');
  expect(third).toMatchObject({ claims: 1, lostSince: first.now });
  expect(await journal.recordDoubts(third, [])).toBe('done');
  await journal.suspendRun(third, { for: 'other_worker' }, []);
  expect((await claim(runId, 'd.1')).lostSince).toBeUndefined();
});

it('a record that says how a step ended never changes again', async () => {
  const runId = await createRun();
  const run = await claim(runId, 'a.1');
  await journal.recordStep(run, [completed('a', 'first')], true);
  await journal.recordStep(run, [completed('a', 'second'), completed('b', 'other')], true);
  const { records } = await claim(runId, 'b.1');
  expect(records.get('s:a')).toMatchObject({ result: 'first' });
  expect(records.get('s:b')).toMatchObject({ result: 'other' });
});

it('a run that is not over has an alarm and no TTL; one that is over has a TTL from its end, and an alarm only until its letters are gone', async () => {
  const runId = await createRun();
  const isGuarded = async () => {
    expect(await connection.zscore(keys.alarms, runId)).not.toBeNull();
    expect(await connection.pttl(keys.run(runId))).toBe(-1);
  };
  await isGuarded();
  await journal.recordStep(await claim(runId, 'a.1'), [completed('a', 'done')], true);
  await isGuarded();
  await writes.suspendRun(await claim(runId, 'a.2'));
  await isGuarded();
  await journal.buryRun(await claim(runId, 'a.3'), FAILURE, []);
  await isGuarded();
  await journal.redriveRun({ runId, tenant: 't' }, 1, 'call');
  await isGuarded();
  await writes.startCompensation(await claim(runId, 'a.4'));
  await isGuarded();
  // created so long ago that a TTL counted from then would be over
  await connection.hset(keys.run(runId), 'createdAt', 1);
  await journal.finishRun(
    await claim(runId, 'a.5'),
    { status: 'failed', failure: FAILURE, effectsStand: false },
    [],
  );
  // it has died once: a letter may still come from a worker that was slow with it
  expect(await connection.zscore(keys.alarms, runId)).not.toBeNull();
  await journal.moveAlarm(runId, 0);
  expect(await connection.zscore(keys.alarms, runId)).toBeNull();
  const ttlMs = await connection.pttl(keys.run(runId));
  expect(ttlMs).toBeGreaterThan(RETENTION_MS - 10_000);
  expect(ttlMs).toBeLessThanOrEqual(RETENTION_MS);
});

it('each death is redriven once, and not by the letter of another one', async () => {
  const runId = await createRun();
  const of = { runId, tenant: 't' };
  expect(await journal.buryRun(await claim(runId, 'a.1'), FAILURE, [])).toBe(1);
  expect(await journal.redriveRun(of, 1, 'one')).toBe(`${runId}.r1`);
  expect(await journal.redriveRun(of, 1, 'another')).toBeUndefined();
  // its reply was lost, and the connection sent it again
  expect(await journal.redriveRun(of, 1, 'one')).toBe(`${runId}.r1`);
  expect(await journal.buryRun(await claim(runId, 'a.2'), FAILURE, [])).toBe(2);
  expect(await journal.redriveRun(of, 1, 'third')).toBeUndefined();
  expect(await journal.redriveRun(of, 2, 'fourth')).toBe(`${runId}.r2`);
});

it('a run that gets a new job shuts out its owner and its old job, once', async () => {
  const runId = await createRun();
  const run = await claim(runId, 'a.1');
  const seen = await journal.whereIs(runId);
  if (!seen) throw new Error('unreachable');
  expect(await journal.reissueRun(seen)).toEqual({ jobId: `${runId}.r1`, claims: 1 });
  expect(await journal.reissueRun(seen)).toBeUndefined();
  expect(await journal.recordStep(run, [completed('a', 'late')], true)).toBe('stale_owner');
  expect(await journal.claimRun({ runId, flow: 'trip', jobId: runId }, 'a.2', [1])).toEqual({
    outcome: 'superseded',
  });
  expect((await claim(runId, 'b.1')).claims).toBe(2);
});

it('an intent whose reply was lost holds when it comes again after a cancel; a new one does not start', async () => {
  const runId = await createRun();
  const run = await claim(runId, 'w1');
  const intent = (step: string): Entry => {
    const record = {
      ...({ kind: 'started', seq: 1, attempts: 1, startedAt: 1 } as const),
      ...{ keyAttempt: 1, budget: { redrive: 0, used: 0 } },
    };
    return { field: fieldOf('step', step), record: encodeRecord(record) };
  };
  const write = [completed('a', 'done'), intent('b')];
  expect(await journal.recordStep(run, write, true)).toBe('done');
  expect(await journal.cancelRun({ runId, tenant: 't' }, undefined)).toMatchObject({ outcome: 'cancelling' });
  // else the step would not start, and stand in the record as one that had
  expect(await journal.recordStep(run, write, true)).toBe('done');
  expect(await journal.recordStep(run, [completed('b', 'done'), intent('c')], true)).toBe('cancel_requested');
  expect(await journal.recordStep(run, [completed('b', 'done'), intent('c')], true)).toBe('cancel_requested');
  const fields = await stored(runId);
  expect(fields).not.toHaveProperty(fieldOf('step', 'c'));
  expect(fields[fieldOf('step', 'b')]).toContain('completed');
});
