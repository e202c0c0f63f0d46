import { runScript } from '@holdfast/redis';
import type { Cluster, Redis } from 'ioredis';
import type { WaitingFor } from './contract/run.ts';
import { fieldOf } from './journal/identity.ts';
import { keysOf } from './journal/keys.ts';
import { redisJournal } from './journal/redis-journal.ts';
import { loadScript } from './journal/scripts.ts';
import { decodeRecord } from './journal/step-record.ts';
import { Jobs } from './queue/jobs.ts';

/** So many runs are looked at, those whose alarms come first. */
const LOOKED_AT = 500;
const CLAIMED_WITHIN_MS = 2_000;
const HASTEN = loadScript('hasten-run');

/** What waits for a time, and for no one to do anything. */
const TIMED: ReadonlySet<string> = new Set(['timer', 'retry', 'throttle', 'start']);

/**
 * Ends the wait that would be over next (a sleep, a retry, a limit, a later start), whichever run waits so. For development alone: a provider's
 * Retry-After is not kept.
 * @returns the run's id, or undefined when no run waits for a time
 */
export async function hastenNext(connection: Redis | Cluster): Promise<string | undefined> {
  const keys = keysOf(connection);
  const journal = redisJournal({ connection, retentionMs: 0 });
  const runIds = await connection.zrange(keys.alarms, '0', String(LOOKED_AT - 1));
  const found = await Promise.all(runIds.map((runId) => journal.whereIs(runId)));
  const waiting = found.flatMap((run) => (run?.wakeAt === undefined ? [] : [{ ...run, wakeAt: run.wakeAt }]));
  for (const { runId } of waiting.sort((a, b) => a.wakeAt - b.wakeAt))
    if (await hasten(connection, runId)) return runId;
  return undefined;
}

async function hasten(connection: Redis | Cluster, runId: string): Promise<boolean> {
  const keys = keysOf(connection);
  const fields = await connection.hgetall(keys.run(runId));
  const waiting = JSON.parse(fields.waiting || 'null') as WaitingFor | null;
  if (!waiting || !TIMED.has(waiting.kind)) return false;
  const field = fieldsOf(waiting).find((each) => fields[each] !== undefined) ?? '';
  const seen = fields[field] ?? '';
  const args = [runId, fields.owner ?? '', field, seen, seen && dueNow(seen), CLAIMED_WITHIN_MS];
  const reply = await runScript(connection, HASTEN, [keys.run(runId), keys.alarms], args);
  const [word, flow, jobId] = reply as readonly string[];
  if (word !== 'hastened') return false;
  const jobs = new Jobs(connection);
  await jobs.promote(String(flow), String(jobId));
  await jobs.close();
  return true;
}

/** An undo that is retried comes before the step that it undoes. */
function fieldsOf(waiting: WaitingFor): string[] {
  if ('step' in waiting) return [fieldOf('undo', waiting.step), fieldOf('step', waiting.step)];
  return waiting.kind === 'timer' ? [fieldOf('timer', waiting.name)] : [];
}

function dueNow(text: string): string {
  const record = decodeRecord(text);
  if (record.kind === 'retrying') return JSON.stringify({ ...record, retryAt: 0 });
  return record.kind === 'waiting' ? JSON.stringify({ ...record, until: record.startedAt }) : text;
}
