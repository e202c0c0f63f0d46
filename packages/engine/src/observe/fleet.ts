import type { Cluster, Redis } from 'ioredis';
import { isTerminal, type RunStatus } from '../contract/run.ts';
import { keysOf } from '../journal/keys.ts';

/** The workers that are alive now, and what they can run. */
export interface Fleet {
  readonly workers: number;
  /** The versions of each flow that some live worker has; undefined while one of them has not said what it has. */
  readonly versions: Readonly<Record<string, readonly number[]>> | undefined;
}

/** Runs that no live worker would take. */
export interface Stranded {
  readonly flow: string;
  readonly version: number;
  /** `flow`: nobody runs the flow at all. `version`: others of its versions only. */
  readonly lacks: 'flow' | 'version';
  /** Of those looked at. */
  readonly runs: number;
}

/** Asks Redis who lives. Workers of 0.1 do not say what they have. */
export async function readFleet(connection: Redis | Cluster): Promise<Fleet> {
  const keys = keysOf(connection);
  const [seconds] = await connection.time();
  const live = await connection.zrangebyscore(keys.workers, Number(seconds) * 1_000, '+inf');
  if (live.length === 0) return { workers: 0, versions: {} };
  const said = await connection.mget(live.map((workerId) => keys.fleet(workerId)));
  const versions: Record<string, number[]> = Object.create(null);
  for (const text of said) {
    if (text === null) return { workers: live.length, versions: undefined };
    for (const [flow, has] of JSON.parse(text) as [string, number[]][]) {
      versions[flow] = [...new Set([...(versions[flow] ?? []), ...has])];
    }
  }
  return { workers: live.length, versions };
}

/** @returns what no live worker has, of what a run needs to go on; undefined when nothing is missing, or nobody can tell */
export function lackOf(
  { versions }: Fleet,
  run: { readonly flow: string; readonly version: number; readonly status: RunStatus },
): Stranded['lacks'] | undefined {
  if (!versions || isTerminal(run.status) || run.status === 'dead') return undefined;
  const has = versions[run.flow];
  if (!has) return 'flow';
  return has.includes(run.version) ? undefined : 'version';
}

/** What is missing, by flow and version, of the runs that were looked at. */
export function strandedOf(
  fleet: Fleet,
  runs: Iterable<{ readonly flow: string; readonly version: number; readonly status: RunStatus }>,
): Stranded[] {
  const found = new Map<string, Stranded>();
  for (const run of runs) {
    const lacks = lackOf(fleet, run);
    if (!lacks) continue;
    const { flow, version } = run;
    const name = lacks === 'flow' ? flow : `${flow}@${version}`;
    found.set(name, { flow, version, lacks, runs: (found.get(name)?.runs ?? 0) + 1 });
  }
  return [...found.values()].sort((a, b) => b.runs - a.runs);
}
