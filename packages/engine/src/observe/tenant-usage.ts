import { sendInOneWrite } from '@holdfast/redis';
import type { Cluster, Redis } from 'ioredis';
import { keysOf } from '../journal/keys.ts';

/** What a tenant has in Redis. */
export interface TenantUsage {
  readonly tenant: string;
  /** Runs that are kept, ended ones included. */
  readonly kept: number;
  readonly dead: number;
  /** Runs that have not ended and are not dead, of the unfinished runs that were looked at. */
  readonly open: number;
  /** About how many bytes its runs take: the mean of some of the newest, times all. */
  readonly bytes: number;
}

export interface Usage {
  /** By name. */
  readonly tenants: readonly TenantUsage[];
  /** Tenants that are there and were not looked at. */
  readonly tenantsLeftOut: number;
  /** Unfinished runs of all tenants, and how many of them were looked at for `open`. */
  readonly unfinished: number;
  readonly unfinishedLookedAt: number;
}

const LOOK = { tenants: 500, unfinished: 5_000, sample: 20 } as const;
/** Sent to Redis at a time, so that others get their turns. */
const BATCH = 500;

/** The work does not grow with the number of runs. */
export async function readUsage(connection: Redis | Cluster): Promise<Usage> {
  const keys = keysOf(connection);
  const [found, unfinished, runIds] = await Promise.all([
    connection.smembers(keys.tenants),
    connection.zcard(keys.alarms),
    connection.zrange(keys.alarms, '0', String(LOOK.unfinished - 1)),
  ]);
  const names = found.toSorted().slice(0, LOOK.tenants);
  const open = await countOpen(connection, runIds);
  const tenants: TenantUsage[] = [];
  for (let i = 0; i < names.length; i += 20)
    tenants.push(
      ...(await Promise.all(names.slice(i, i + 20).map((tenant) => usageOf(connection, tenant, open)))),
    );
  return {
    tenants,
    tenantsLeftOut: found.length - names.length,
    unfinished,
    unfinishedLookedAt: runIds.length,
  };
}

async function countOpen(
  connection: Redis | Cluster,
  runIds: readonly string[],
): Promise<ReadonlyMap<string, number>> {
  const keys = keysOf(connection);
  const open = new Map<string, number>();
  for (let i = 0; i < runIds.length; i += BATCH) {
    sendInOneWrite(connection);
    const runs = await Promise.all(
      runIds.slice(i, i + BATCH).map((runId) => connection.hmget(keys.run(runId), 'tenant', 'status')),
    );
    for (const [tenant, status] of runs)
      if (tenant && status && !OVER.has(status)) open.set(tenant, (open.get(tenant) ?? 0) + 1);
  }
  return open;
}

/** A run that has ended may be looked after until its parent was told. */
const OVER: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled', 'dead']);

async function usageOf(
  connection: Redis | Cluster,
  tenant: string,
  open: ReadonlyMap<string, number>,
): Promise<TenantUsage> {
  sendInOneWrite(connection);
  const keys = keysOf(connection);
  const [kept, dead, newest] = await Promise.all([
    connection.zcard(keys.runs(tenant)),
    connection.zcard(keys.dead(tenant)),
    connection.zrevrange(keys.runs(tenant), 0, LOOK.sample - 1),
  ]);
  sendInOneWrite(connection);
  const sizes = await Promise.all(newest.map((runId) => connection.memory('USAGE', keys.run(runId))));
  const there = sizes.filter((size) => size !== null);
  const mean = there.reduce((sum, size) => sum + size, 0) / Math.max(1, there.length);
  return { tenant, kept, dead, open: open.get(tenant) ?? 0, bytes: Math.round(mean * kept) };
}
