import { sendInOneWrite } from '@holdfast/redis';
import type { Cluster, Redis } from 'ioredis';
import { type Failure, isTerminal, type RunStatus, type WaitingFor } from '../contract/run.ts';
import { keysOf } from '../journal/keys.ts';
import { readFleet, type Stranded, strandedOf } from './fleet.ts';

/** How all runs stand together. Times are Unix milliseconds on Redis' clock. */
export interface Overview {
  readonly now: number;
  readonly tenants: readonly string[];
  /** Those that a worker has served, and those of the runs that were looked at. */
  readonly flows: readonly string[];
  /** Runs that are kept, ended ones included. */
  readonly kept: number;
  /** Runs that have not ended, dead ones included. */
  readonly unfinished: number;
  readonly dead: number;
  /** Of the runs created last: how many stand how. */
  readonly newest: { readonly lookedAt: number; readonly byStatus: Readonly<Record<RunStatus, number>> };
  /** Runs by the time of their creation, and those still dead by the time of their death; the last span ends now. */
  readonly spans: readonly {
    readonly from: number;
    readonly to: number;
    readonly accepted: number;
    readonly died: number;
  }[];
  /** Runs that have not ended and are not dead, the oldest first, of those that are to be looked at next. */
  readonly waiting: readonly WaitingRun[];
  /** Runs that no live worker would take, of the newest and of those that are to be looked at next. */
  readonly stranded: readonly Stranded[];
  /** Why runs are dead, the most frequent first, of those that died last. */
  readonly deaths: { readonly lookedAt: number; readonly groups: readonly DeathGroup[] };
}

export interface WaitingRun {
  readonly runId: string;
  readonly tenant: string;
  readonly flow: string;
  readonly version: number;
  readonly status: RunStatus;
  readonly createdAt: number;
  readonly waitingFor?: WaitingFor;
}

export interface DeathGroup {
  readonly tenant: string;
  readonly flow: string;
  readonly code: string;
  readonly count: number;
  readonly lastAt: number;
  /** Where and how, the most frequent first. */
  readonly places: readonly DeathPlace[];
}

export interface DeathPlace {
  readonly step?: string;
  readonly kind: Failure['kind'];
  readonly count: number;
}

export interface OverviewOptions {
  /** How far back the spans go. Default an hour. */
  readonly backMs?: number;
  /** Default 30. */
  readonly spans?: number;
}

/** How many runs of each list are looked at; counts that come of an index are of all. */
const LOOK = { newest: 300, waiting: 100, dead: 500 } as const;
const SHOWN_WAITING = 5;

/** The work does not grow with the number of runs: indexes are counted, and only so many runs are looked at. */
export async function readOverview(
  connection: Redis | Cluster,
  { backMs = 3_600_000, spans = 30 }: OverviewOptions = {},
): Promise<Overview> {
  const keys = keysOf(connection);
  const [time, found] = await Promise.all([connection.time(), connection.smembers(keys.tenants)]);
  const now = Number(time[0]) * 1_000 + Math.floor(Number(time[1]) / 1_000);
  const tenants = found.toSorted();
  const [fleet, served, kept, dead, unfinished, counted, newest, next, died] = await Promise.all([
    readFleet(connection),
    connection.smembers(keys.flows),
    connection.zcard(keys.allRuns),
    connection.zcard(keys.allDead),
    connection.zcard(keys.alarms),
    countSpans(connection, { now, backMs, spans }),
    latest(connection, keys.allRuns, LOOK.newest),
    connection.zrange(keys.alarms, '0', String(LOOK.waiting - 1)),
    latest(connection, keys.allDead, LOOK.dead),
  ]);
  const [newestRuns, waiting, groups] = await Promise.all([
    countStatuses(connection, newest),
    findWaiting(connection, next),
    groupDeaths(connection, died),
  ]);
  const looked = new Map([...newestRuns.runs, ...waiting].map((run) => [run.runId, run]));
  return {
    ...{ now, tenants, kept, unfinished, dead, spans: counted, waiting: waiting.slice(0, SHOWN_WAITING) },
    flows: [...new Set([...served, ...[...looked.values()].map(({ flow }) => flow)])].toSorted(),
    stranded: strandedOf(fleet, looked.values()),
    newest: { lookedAt: newest.length, byStatus: newestRuns.byStatus },
    deaths: { lookedAt: died.length, groups },
  };
}

interface Listed {
  readonly runId: string;
  readonly at: number;
}

/** Of the list of all tenants, those that came last. */
async function latest(connection: Redis | Cluster, list: string, look: number): Promise<readonly Listed[]> {
  const flat = await connection.zrevrange(list, 0, look - 1, 'WITHSCORES');
  return flat.flatMap((runId, index) => (index % 2 === 0 ? [{ runId, at: Number(flat[index + 1]) }] : []));
}

async function countSpans(
  connection: Redis | Cluster,
  { now, backMs, spans }: { readonly now: number; readonly backMs: number; readonly spans: number },
): Promise<Overview['spans']> {
  const lengthMs = backMs / spans;
  sendInOneWrite(connection);
  return Promise.all(
    Array.from({ length: spans }, async (_, index) => {
      const from = Math.round(now - backMs + index * lengthMs);
      const to = Math.round(now - backMs + (index + 1) * lengthMs);
      const count = (list: string) => connection.zcount(list, from, `(${to}`);
      const [accepted, died] = await Promise.all([
        count(keysOf(connection).allRuns),
        count(keysOf(connection).allDead),
      ]);
      return { from, to, accepted, died };
    }),
  );
}

/** What a run needs of its workers. */
type Brief = Pick<WaitingRun, 'runId' | 'flow' | 'version' | 'status'>;

async function countStatuses(
  connection: Redis | Cluster,
  runs: readonly Listed[],
): Promise<{ readonly byStatus: Record<RunStatus, number>; readonly runs: readonly Brief[] }> {
  const counts = {
    ...{ pending: 0, running: 0, suspended: 0, compensating: 0 },
    ...{ completed: 0, failed: 0, cancelled: 0, dead: 0 },
  };
  sendInOneWrite(connection);
  const found = await Promise.all(
    runs.map(async ({ runId }) => {
      const [status = null, flow, version] = await connection.hmget(
        keysOf(connection).run(runId),
        ...['status', 'flow', 'version'],
      );
      if (!isStatus(status, counts)) return [];
      counts[status] += 1;
      return [{ runId, status, flow: flow ?? '', version: Number(version) }];
    }),
  );
  return { byStatus: counts, runs: found.flat() };
}

/** An expired run, whose entry in the list is not cleared yet, has none. */
function isStatus(status: string | null, counts: Readonly<Record<RunStatus, number>>): status is RunStatus {
  return status !== null && status in counts;
}

async function findWaiting(
  connection: Redis | Cluster,
  runIds: readonly string[],
): Promise<readonly WaitingRun[]> {
  sendInOneWrite(connection);
  const found = await Promise.all(
    runIds.map(async (runId): Promise<WaitingRun | undefined> => {
      const [tenant, flow, status, createdAt, waiting, version] = await connection.hmget(
        keysOf(connection).run(runId),
        ...['tenant', 'flow', 'status', 'createdAt', 'waiting', 'version'],
      );
      if (!tenant || !flow || !status || !createdAt) return undefined;
      const waits =
        status === 'suspended' && waiting ? { waitingFor: JSON.parse(waiting) as WaitingFor } : {};
      return {
        ...{ runId, tenant, flow, version: Number(version), status: status as RunStatus },
        ...{ createdAt: Number(createdAt), ...waits },
      };
    }),
  );
  return found
    .filter((run) => run !== undefined)
    .filter(({ status }) => status !== 'dead' && !isTerminal(status))
    .sort((a, b) => a.createdAt - b.createdAt);
}

async function groupDeaths(
  connection: Redis | Cluster,
  runs: readonly Listed[],
): Promise<readonly DeathGroup[]> {
  sendInOneWrite(connection);
  const found = await Promise.all(
    runs.map(async ({ runId, at }) => {
      const [tenant, flow, death] = await connection.hmget(
        keysOf(connection).run(runId),
        'tenant',
        'flow',
        'death',
      );
      return tenant && flow && death ? [{ tenant, flow, at, failure: JSON.parse(death) as Failure }] : [];
    }),
  );
  const groups = new Map<string, DeathGroup>();
  for (const { tenant, flow, at, failure } of found.flat()) {
    const { code } = failure;
    const name = JSON.stringify([tenant, flow, code]);
    const before = groups.get(name);
    const count = (before?.count ?? 0) + 1;
    const lastAt = Math.max(before?.lastAt ?? 0, at);
    groups.set(name, { tenant, flow, code, count, lastAt, places: withPlace(before?.places ?? [], failure) });
  }
  return [...groups.values()].sort((a, b) => b.count - a.count);
}

function withPlace(places: readonly DeathPlace[], { step, kind }: Failure): readonly DeathPlace[] {
  const isHere = (place: DeathPlace) => place.step === step && place.kind === kind;
  const count = (places.find(isHere)?.count ?? 0) + 1;
  const here = { ...(step !== undefined && { step }), kind, count };
  return [...places.filter((place) => !isHere(place)), here].sort((a, b) => b.count - a.count);
}
