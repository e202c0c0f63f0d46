import { toMs } from '../contract/duration.ts';
import type { Log } from '../contract/log.ts';
import { nextTime, timesAfter } from './cron.ts';
import type { KeptSchedule } from './schedule.ts';
import { parseMember, type ScheduleStore } from './schedule-store.ts';

/** How late a fire time may be that is not made up for. */
const LATE_MS = 60_000;
/** While the run before goes on, it is looked at after so long, and less often the longer it takes. */
const LOOK_AGAIN_MS = { least: 500, most: 15_000 } as const;
/** For a worker that has the flow. */
const ELSEWHERE_MS = 1_000;
/** A schedule whose runs take longer than they should: fire times past these are dropped. */
const MAX_QUEUE = 20_000;

type Store = Pick<ScheduleStore, 'read' | 'write' | 'remove'>;

export interface FiringDeps {
  readonly store: Store;
  /**
   * Submits the run of a fire time, once however often it is called.
   * @returns the run's id; `elsewhere` when this worker does not have the flow; undefined when the input does not fit it any more
   */
  readonly submit: (schedule: KeptSchedule, fireTime: number) => Promise<string | 'elsewhere' | undefined>;
  /** Since when a run has been there that is not over; undefined for one that is over, dead, or forgotten. */
  readonly runsSince: (runId: string) => Promise<number | undefined>;
  readonly cancel: (tenant: string, runId: string) => Promise<void>;
  readonly log: Log;
}

/**
 * Does what a schedule is due for. Its fire times are noted first and become runs then, under keys that follow from them: whoever is cut
 * short leaves something that another one goes on with, and comes to the same.
 * @param member as it was taken
 * @param now Redis' clock
 */
export async function fire(deps: FiringDeps, member: string, now: number): Promise<void> {
  const { tenant, name } = parseMember(member);
  const found = await deps.store.read(tenant, name);
  if (!found) return void (await deps.store.remove(tenant, name));
  let schedule = await noteTimes(deps, found, now);
  while (schedule && schedule.queue.length > 0) schedule = await fireFirst(deps, schedule, now);
}

/** Moves the fire times that have come to those that wait for their run. @returns undefined when somebody else has changed the schedule */
async function noteTimes(
  { store, log }: FiringDeps,
  schedule: KeptSchedule,
  now: number,
): Promise<KeptSchedule | undefined> {
  const { nextRunAt, catchUp } = schedule;
  if (schedule.status === 'paused') return write(store, { ...schedule, queue: [] }, undefined);
  if (nextRunAt === undefined || nextRunAt > now) return schedule;
  const since = now - Math.max(LATE_MS, catchUp === 'none' ? 0 : toMs(catchUp));
  const come: number[] = nextRunAt >= since ? [nextRunAt] : [];
  for (const time of timesAfter(schedule, Math.max(nextRunAt, since - 1))) {
    if (time > now) break;
    come.push(time);
  }
  const queue = [...schedule.queue, ...come];
  if (queue.length > MAX_QUEUE)
    log.error(
      { schedule: schedule.name, tenant: schedule.tenant },
      'too many runs of a schedule wait for the one before; the last ones are dropped',
    );
  const next = nextTime(schedule, now);
  const { nextRunAt: _, ...rest } = schedule;
  const noted = {
    ...rest,
    ...(next !== undefined && { nextRunAt: next }),
    queue: queue.slice(0, MAX_QUEUE),
  };
  return write(store, noted, queue.length > 0 ? now : next);
}

/** @returns what is left to do now; undefined when that comes later, or is somebody else's */
async function fireFirst(
  deps: FiringDeps,
  schedule: KeptSchedule,
  now: number,
): Promise<KeptSchedule | undefined> {
  const { store, log } = deps;
  const { overlap, current, nextRunAt, tenant, name } = schedule;
  const [first = now, ...rest] = schedule.queue;
  const runsSince = current === undefined ? undefined : await deps.runsSince(current);
  if (current !== undefined && runsSince !== undefined) {
    switch (overlap) {
      case 'skip':
        await write(store, { ...schedule, queue: [] }, nextRunAt);
        return undefined;
      case 'cancel':
        await deps.cancel(tenant, current);
        // those in between would be cancelled as soon as they start
        await write(store, { ...schedule, queue: schedule.queue.slice(-1) }, now + LOOK_AGAIN_MS.least);
        return undefined;
      case 'queue': {
        const again = Math.min(LOOK_AGAIN_MS.most, Math.max(LOOK_AGAIN_MS.least, (now - runsSince) / 10));
        await write(store, schedule, Math.min(now + Math.ceil(again), nextRunAt ?? Number.POSITIVE_INFINITY));
        return undefined;
      }
    }
  }
  const runId = await deps.submit(schedule, first);
  if (runId === 'elsewhere') {
    await write(store, schedule, now + ELSEWHERE_MS);
    return undefined;
  }
  if (runId === undefined)
    log.error(
      { schedule: name, tenant, flow: schedule.flow },
      'the input of a schedule does not fit its flow any more, so it was passed over; change the schedule',
    );
  const fired = {
    ...schedule,
    queue: rest,
    ...(runId !== undefined && { current: runId, lastRunAt: first }),
  };
  return write(store, fired, rest.length > 0 ? now : nextRunAt);
}

/** @returns the schedule with its new revision; undefined when somebody else has changed it */
async function write(
  store: Store,
  schedule: KeptSchedule,
  dueAt: number | undefined,
): Promise<KeptSchedule | undefined> {
  const { revision, ...changed } = schedule;
  const reply = await store.write(changed, dueAt, revision);
  return reply === 'written' ? { ...changed, revision: String(Number(revision) + 1) } : undefined;
}
