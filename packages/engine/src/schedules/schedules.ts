import { createHash } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import type { Client, SubmitRequest } from '../client.ts';
import type { FlowContract } from '../contract/define-flow.ts';
import { toMs } from '../contract/duration.ts';
import { faultsOf, type InputFault } from '../contract/input-faults.ts';
import type { Run } from '../contract/run.ts';
import { InvalidCursorError } from '../observe/run-list.ts';
import { orUnavailable } from '../or-unavailable.ts';
import { cronFault, nextTime, timesAfter } from './cron.ts';
import {
  isScheduleName,
  type KeptSchedule,
  OVERLAPS,
  type Schedule,
  type ScheduleDefinition,
  scheduleKey,
} from './schedule.ts';
import { ScheduleStore } from './schedule-store.ts';

/** What does not fit in a schedule. Nothing was changed. */
export class InvalidScheduleError extends Error {
  readonly code = 'validation_failed';
  constructor(readonly faults: readonly InputFault[]) {
    super(
      `the schedule is not valid: ${faults.map(({ path, message }) => `${path}: ${message}`).join('; ')}`,
    );
    this.name = 'InvalidScheduleError';
  }
}

export type NewSchedule = Pick<Schedule, 'name' | 'cron' | 'flow' | 'input'> & Partial<ScheduleDefinition>;

/** A schedule and its next fire times, in Unix milliseconds. */
export type ScheduleWithTimes = Schedule & { readonly upcoming: readonly number[] };

/** The schedules of tenants, for people and programs. Each call rejects with StoreUnavailableError while Redis is unreachable. */
export interface Schedules {
  /** @returns `exists` when there is one of that name. @throws InvalidScheduleError */
  create(tenant: string, schedule: NewSchedule): Promise<Schedule | 'exists'>;
  get(tenant: string, name: string): Promise<ScheduleWithTimes | undefined>;
  list(
    tenant: string,
    query?: { readonly cursor?: string; readonly limit?: number },
  ): Promise<{ readonly schedules: readonly Schedule[]; readonly nextCursor?: string }>;
  /** @throws InvalidScheduleError */
  change(
    tenant: string,
    name: string,
    change: Partial<ScheduleDefinition>,
  ): Promise<Schedule | 'from_config' | undefined>;
  remove(tenant: string, name: string): Promise<'deleted' | 'from_config' | undefined>;
  /** What waits for the run before is dropped. */
  pause(tenant: string, name: string): Promise<Schedule | undefined>;
  /** Nothing is made up for. */
  resume(tenant: string, name: string): Promise<Schedule | undefined>;
  /** Submits a run now, beside the fire times. */
  trigger(tenant: string, name: string): Promise<Run | undefined>;
  /**
   * Makes the schedules of a config the ones that there are, by their tenants: those that are new or changed are written, and those of its
   * flows that it does not name any more are deleted. One that is the same keeps its place.
   */
  adopt(schedules: ReadonlyMap<string, readonly NewSchedule[]>): Promise<void>;
}

export interface SchedulesOptions {
  readonly connection: Redis | Cluster;
  readonly client: Client;
  /** Those that can be scheduled. */
  readonly flows: readonly FlowContract[];
}

const UPCOMING = 5;
const MAX_NAMES = 100_000;
const MAX_CATCH_UP_MS = 7 * 24 * 60 * 60 * 1_000;

export function createSchedules({ connection, client, flows }: SchedulesOptions): Schedules {
  const store = new ScheduleStore(connection);

  /** Reads, changes and writes, again if somebody else comes first. */
  const changing = async <T>(
    tenant: string,
    name: string,
    change: (found: KeptSchedule, now: number) => KeptSchedule | T,
  ): Promise<Schedule | T | undefined> => {
    for (;;) {
      const [found, now] = await Promise.all([readNamed(store, tenant, name), store.now()]);
      if (!found) return undefined;
      const changed = change(found, now);
      if (!isKept(changed)) return changed;
      const { revision, ...rest } = changed;
      const reply = await store.write(rest, rest.queue.length > 0 ? now : rest.nextRunAt, revision);
      if (reply === 'written') return shown(changed);
    }
  };

  const fresh = (
    tenant: string,
    { name, cron, timezone = 'UTC', flow, input, overlap = 'queue', catchUp = 'none' }: NewSchedule,
    now: number,
    fromConfig: boolean,
  ): Omit<KeptSchedule, 'revision'> => {
    const definition = { cron, timezone, flow, input, overlap, catchUp };
    check(definition, flows, isScheduleName(name) ? [] : [NAME_FAULT]);
    const next = nextTime(definition, now);
    return {
      ...{ ...definition, tenant, name, status: 'active', createdAt: now, fromConfig, queue: [] },
      ...(next !== undefined && { nextRunAt: next }),
    };
  };

  const schedules: Schedules = {
    async create(tenant, schedule) {
      const created = fresh(tenant, schedule, await store.now(), false);
      const reply = await store.write(created, created.nextRunAt, undefined);
      return reply === 'written' ? shown({ ...created, revision: '1' }) : 'exists';
    },

    async get(tenant, name) {
      const found = await readNamed(store, tenant, name);
      if (!found) return undefined;
      const now = await store.now();
      return { ...shown(found), upcoming: found.status === 'paused' ? [] : upcoming(found, now) };
    },

    async list(tenant, { cursor, limit = 50 } = {}) {
      const after = cursor === undefined ? undefined : Buffer.from(cursor, 'base64url').toString();
      if (after !== undefined && !isScheduleName(after)) throw new InvalidCursorError();
      const names = await store.names(tenant, after, limit + 1);
      const shownNames = names.slice(0, limit);
      const found = await Promise.all(shownNames.map((name) => store.read(tenant, name)));
      const last = names.length > limit ? shownNames.at(-1) : undefined;
      return {
        schedules: found.filter((each) => each !== undefined).map(shown),
        ...(last !== undefined && { nextCursor: Buffer.from(last).toString('base64url') }),
      };
    },

    change: (tenant, name, change) =>
      changing(tenant, name, (found, now) => {
        if (found.fromConfig) return 'from_config' as const;
        const changed = { ...found, ...change };
        check(changed, flows);
        return retimed(changed, now);
      }),

    async remove(tenant, name) {
      const found = await readNamed(store, tenant, name);
      if (!found) return undefined;
      if (found.fromConfig) return 'from_config';
      return (await store.remove(tenant, name)) ? 'deleted' : undefined;
    },

    pause: (tenant, name) =>
      changing<never>(tenant, name, ({ nextRunAt: _, ...found }) => ({
        ...found,
        ...{ status: 'paused', queue: [] },
      })),

    resume: (tenant, name) =>
      changing<never>(tenant, name, (found, now) =>
        found.status === 'active' ? found : retimed({ ...found, status: 'active' }, now),
      ),

    async trigger(tenant, name) {
      const found = await readNamed(store, tenant, name);
      if (!found) return undefined;
      const at = new Date(await store.now()).toISOString();
      const reply = await client.submit(requestOf(found, `trigger:${at}`));
      if (reply.outcome === 'key_reused') throw new Error('two triggers in the same millisecond');
      return reply.run;
    },

    async adopt(wanted) {
      for (const [tenant, all] of wanted) for (const schedule of all) await adoptOne(tenant, schedule);
      const own = new Set(flows.map(({ name }) => name));
      for (const tenant of new Set([...wanted.keys(), ...(await client.tenants())])) {
        const kept = new Set(wanted.get(tenant)?.map(({ name }) => name));
        for (const name of await store.names(tenant, undefined, MAX_NAMES)) {
          if (kept.has(name)) continue;
          const found = await store.read(tenant, name);
          if (found?.fromConfig && own.has(found.flow)) await store.remove(tenant, name);
        }
      }
    },
  };

  const adoptOne = async (tenant: string, schedule: NewSchedule): Promise<void> => {
    for (;;) {
      const now = await store.now();
      const created = fresh(tenant, schedule, now, true);
      const found = await store.read(tenant, schedule.name);
      if (found?.fromConfig && sameDefinition(found, created)) return;
      // who paused it meant the schedule, whatever its times are
      const { revision, ...old } = found ?? { ...created, revision: undefined };
      const merged = found
        ? retimed({ ...old, ...definitionOf(created), fromConfig: true, revision: '' }, now)
        : created;
      const reply = await store.write(merged, merged.nextRunAt, revision);
      if (reply === 'written') return;
    }
  };

  return new Proxy(schedules, {
    get(target, member) {
      const method: unknown = Reflect.get(target, member, target);
      if (typeof method !== 'function') return method;
      return (...args: unknown[]) => orUnavailable((async () => method.apply(target, args))());
    },
  });
}

const NAME_FAULT: InputFault = {
  path: 'name',
  message: 'use 1 to 64 lower-case letters, digits or "-", and not "-" first',
};

/** The submission of one run of a schedule. @param what its fire time as text, or what stands for it */
export function requestOf(
  { tenant, name, flow, input }: Pick<KeptSchedule, 'tenant' | 'name' | 'flow' | 'input'>,
  what: string,
): SubmitRequest {
  const fingerprint = createHash('sha256').update(JSON.stringify(input)).digest('hex');
  return {
    flow,
    input,
    tenant,
    idempotencyKey: scheduleKey(name, what),
    fingerprint,
    tags: { schedule: name },
  };
}

async function readNamed(store: ScheduleStore, tenant: string, name: string) {
  return isScheduleName(name) ? store.read(tenant, name) : undefined;
}

function isKept(value: unknown): value is KeptSchedule {
  return typeof value === 'object' && value !== null && 'revision' in value;
}

function shown(kept: KeptSchedule): Schedule {
  const { tenant: _, revision: _revision, queue: _queue, current: _current, ...schedule } = kept;
  return schedule;
}

/** From now on, with what its definition says. */
function retimed({ nextRunAt: _, ...schedule }: KeptSchedule, now: number): KeptSchedule {
  const next = schedule.status === 'paused' ? undefined : nextTime(schedule, now);
  return { ...schedule, ...(next !== undefined && { nextRunAt: next }) };
}

function upcoming(schedule: KeptSchedule, now: number): number[] {
  const times: number[] = [];
  for (const time of timesAfter(schedule, now)) {
    if (times.push(time) === UPCOMING) break;
  }
  return times;
}

function definitionOf(schedule: ScheduleDefinition): ScheduleDefinition {
  const { cron, timezone, flow, input, overlap, catchUp } = schedule;
  return { cron, timezone, flow, input, overlap, catchUp };
}

function sameDefinition(a: ScheduleDefinition, b: ScheduleDefinition): boolean {
  return JSON.stringify(definitionOf(a)) === JSON.stringify(definitionOf(b));
}

/** What does not fit in a schedule that is to be created with these flows. */
export function scheduleFaults(schedule: NewSchedule, flows: readonly FlowContract[]): readonly InputFault[] {
  const { name, timezone = 'UTC', overlap = 'queue', catchUp = 'none', ...rest } = schedule;
  return faultsIn({ ...rest, timezone, overlap, catchUp }, flows, isScheduleName(name) ? [] : [NAME_FAULT]);
}

/** @throws InvalidScheduleError */
function check(
  schedule: ScheduleDefinition,
  flows: readonly FlowContract[],
  faults: readonly InputFault[] = [],
): void {
  const all = faultsIn(schedule, flows, faults);
  if (all.length > 0) throw new InvalidScheduleError(all);
}

function faultsIn(
  schedule: ScheduleDefinition,
  flows: readonly FlowContract[],
  faults: readonly InputFault[],
): readonly InputFault[] {
  const all = [...faults];
  const time = cronFault(schedule);
  if (time) all.push(time);
  if (!OVERLAPS.includes(schedule.overlap))
    all.push({ path: 'overlap', message: `use one of ${OVERLAPS.join(', ')}` });
  const late = catchUpFault(schedule.catchUp);
  if (late) all.push(late);
  const flow = flows
    .filter(({ name }) => name === schedule.flow)
    .reduce<FlowContract | undefined>((a, b) => (a && a.version > b.version ? a : b), undefined);
  if (!flow) all.push({ path: 'flow', message: `there is no flow ${JSON.stringify(schedule.flow)}` });
  const input = flow?.input.safeParse(schedule.input);
  if (input && !input.success)
    all.push(
      ...faultsOf(input.error).map(({ path, message }) => ({
        path: path ? `input.${path}` : 'input',
        message,
      })),
    );
  return all;
}

function catchUpFault(catchUp: ScheduleDefinition['catchUp']): InputFault | undefined {
  if (catchUp === 'none') return undefined;
  const message = 'use "none", or a duration of at most 7 days, such as "1h"';
  try {
    return toMs(catchUp) <= MAX_CATCH_UP_MS ? undefined : { path: 'catchUp', message };
  } catch {
    return { path: 'catchUp', message };
  }
}
