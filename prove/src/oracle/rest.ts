import { DEAD_LETTERS, QUEUE_PREFIX } from '@holdfast/engine';
import { isOver, runIdIn } from '../outside/records.ts';
import type { Facts, Rule } from './facts.ts';

/** How the system is at rest: nothing under way, nothing left over. */
export const restRules: readonly Rule[] = [
  { number: 12, name: 'every run is over or rightly parked, and no lock is left', broken: underWay },
  { number: 13, name: 'the letters are exactly the dead', broken: wrongLetters },
  { number: 14, name: 'one job for a live run, none for one that is over', broken: wrongJobs },
  { number: 18, name: 'no key left over, no unhandled rejection', broken: leftOver },
];

function* underWay(facts: Facts) {
  const { runs, store } = facts;
  for (const { id, status } of runs.values()) {
    if (!isOver(status) && status !== 'dead') yield `${id} is ${status}`;
  }
  for (const { name } of store.keys) {
    const runId = runIdIn(name) ?? '';
    if (name.endsWith(':lock') && !isAbandoned(facts, runId)) yield `the lock ${name} is held`;
  }
  for (const { queue, id, runId, state } of store.jobs) {
    if (state === 'active' && !isAbandoned(facts, runId)) yield `job ${id} of ${queue} is active`;
  }
}

/** Whether an active job of the run can be one that nobody works on; the run went on without it. */
function isAbandoned({ runs, locksMayHold }: Facts, runId: string): boolean {
  const status = runs.get(runId)?.status;
  return locksMayHold && status !== undefined && (isOver(status) || status === 'dead');
}

function* wrongLetters({ runs, store }: Facts) {
  const letters = store.jobs.filter(({ queue }) => queue === DEAD_LETTERS);
  const waiting = letters.filter(({ state }) => state === 'failed').map(({ runId }) => runId);
  for (const { id, status } of runs.values()) {
    const own = waiting.filter((runId) => runId === id).length;
    if (own !== (status === 'dead' ? 1 : 0)) yield `${id} is ${status}, with ${own} letters`;
  }
  for (const runId of waiting) {
    if (!runs.has(runId)) yield `a letter tells of ${runId}, which does not exist`;
  }
  for (const { id, state } of letters) {
    if (state !== 'failed' && state !== 'completed') yield `letter ${id} is ${state}`;
  }
}

function* wrongJobs(facts: Facts) {
  const { runs, store } = facts;
  const jobs = store.jobs.filter(
    ({ queue, runId, state }) => queue !== DEAD_LETTERS && !(state === 'active' && isAbandoned(facts, runId)),
  );
  for (const { id, status } of runs.values()) {
    const own = jobs.filter(({ runId }) => runId === id).map((job) => `${job.id} (${job.state})`);
    const live = !isOver(status) && status !== 'dead';
    if (live ? own.length !== 1 : own.length > 0)
      yield `${id} is ${status}, with jobs: ${own.join(', ') || 'none'}`;
  }
  for (const { id, runId } of jobs) {
    if (!runs.has(runId)) yield `job ${id} is for ${runId}, which does not exist`;
  }
}

/** What may be in Redis without an end, besides runs that are not over and their jobs. */
const ENDLESS = [
  /^\{hf0\}\/(alarms|workers|canary|rollback|callback-key|tenants|flows|pauses|held-back|all-runs|all-dead|events-due|(runs|dead|events|states)\/[a-z]+|state\/[a-z]+\/.+|schedules-due|schedules?\/.+|correlation\/[a-z]+\/[0-9a-f]+|lanes\/[a-z-]+|lane\/[a-z-]+\/[a-z]+|lane-(held|waiting)\/.+)$/,
  // what operators did and who they are; an action whose process was killed stays open until somebody reads the log
  /^\{hf0\}\/(alerts|(audit|audit-open|api-keys)\/\*?[a-z]+|api-key\/[0-9a-f]+)$/,
  // where events are sent, and what is still to be sent there
  /^\{hf0\}\/(webhook-endpoints\/[a-z]+|webhook-(endpoint|deliveries|waiting)\/whe_[0-9a-f]+|webhook-delivery\/msg_[0-9a-f]+|webhook-lanes)$/,
  /^\{hf0\}:[a-z-]+:(meta|id|events|marker|stalled|stalled-check|wait|active|delayed|completed|failed|pc|prioritized)$/,
];

/** What may be there for a while. */
const FLEETING =
  /^\{hf0\}\/(probe|preflight|providers|api-use|(wrong-keys|refused-webhooks|tenant-rate):.+|(health|limit|alert|audit-run|token|token-lock|tenant-rate|fleet|tag|replay|event-payload|webhook-time|webhook-body|webhook-answer|webhook-in-flight|uncorrelated)\/.+)$/;

function* leftOver(facts: Facts) {
  const { runs, store, workers, unhandled } = facts;
  const jobs = store.jobs.map(({ queue, id }) => `${QUEUE_PREFIX}:${queue}:${id}`);
  const jobKeys = new Set(jobs.flatMap((key) => [key, `${key}:lock`]));
  for (const { name, expires } of store.keys) {
    const runId = /\/run\/(.+)$/.exec(name)?.[1];
    if (runId !== undefined) {
      const run = runs.get(runId);
      if (!run) yield `${name} is of no known run`;
      else if (isOver(run.status) !== expires) {
        yield `${runId} is ${run.status}, and its record ${expires ? 'expires' : 'never expires'}`;
      }
    } else if (FLEETING.test(name)) {
      if (!expires) yield `the key ${name} never expires`;
    } else if (!jobKeys.has(name) && !ENDLESS.some((known) => known.test(name))) {
      yield `the key ${name} is left over`;
    }
  }
  for (const runId of store.alarms) {
    const status = runs.get(runId)?.status;
    if (status === undefined || isOver(status)) yield `${runId} is ${status ?? 'unknown'}, and has an alarm`;
  }
  for (const { id, status } of runs.values()) {
    if (!isOver(status) && !store.alarms.includes(id)) yield `${id} is ${status}, and has no alarm`;
  }
  if (store.workers.length !== workers) yield `${store.workers.length} workers are listed, of ${workers}`;
  for (const line of unhandled) yield `a process wrote: ${line}`;
}
