import { randomUUID } from 'node:crypto';
import type { Cluster, Redis } from 'ioredis';
import { z } from 'zod';
import { keysOf } from './keys.ts';

/** What a tenant uses of all API processes together. */
export interface ApiUse {
  readonly requestsPerSecond: number;
  /** Requests that wait for the end of their run. */
  readonly waits: number;
  readonly streams: number;
}

/** What of it each tenant may use; `requestsPerSecond` is absent where there is no limit. */
export interface ApiLimits {
  readonly requestsPerSecond?: number | undefined;
  readonly waits: number;
  readonly streams: number;
}

/** What is open at the moment, by tenant. */
export type OpenNow = Readonly<Record<'waits' | 'streams', ReadonlyMap<string, number>>>;

export interface ApiUseReport {
  /** Counts a request. */
  note(tenant: string): void;
  stop(): Promise<void>;
}

const EVERY_MS = 5_000;
/** What a process said so long ago is no longer so. */
const HOLDS_MS = 15_000;
const KEPT_MS = 60_000;

const Said = z.object({
  at: z.number(),
  limits: z.object({ requestsPerSecond: z.number().optional(), waits: z.number(), streams: z.number() }),
  tenants: z.record(z.string(), z.tuple([z.number(), z.number(), z.number()])),
});

/**
 * Says every few seconds what each tenant uses of this process, for whoever looks at tenants. That it cannot be said now is no trouble.
 * @param limits of this process
 */
export function reportApiUse(
  connection: Redis | Cluster,
  limits: ApiLimits,
  open: () => OpenNow,
): ApiUseReport {
  const keys = keysOf(connection);
  const id = randomUUID();
  let requests = new Map<string, number>();
  let since = performance.now();

  const say = async () => {
    const seconds = (performance.now() - since) / 1_000;
    const counted = requests;
    [requests, since] = [new Map(), performance.now()];
    const { waits, streams } = open();
    const tenants = new Set([...counted.keys(), ...waits.keys(), ...streams.keys()]);
    const used = [...tenants].map((tenant) => [
      tenant,
      [
        Math.round(((counted.get(tenant) ?? 0) / seconds) * 10) / 10,
        waits.get(tenant) ?? 0,
        streams.get(tenant) ?? 0,
      ],
    ]);
    const now = Date.now();
    await connection.hset(
      keys.apiUse,
      id,
      JSON.stringify({ at: now, limits, tenants: Object.fromEntries(used) }),
    );
    await connection.pexpire(keys.apiUse, KEPT_MS);
    // of processes that died
    const all = Object.entries(await connection.hgetall(keys.apiUse));
    const old = all.filter(([, text]) => (saidIn(text)?.at ?? 0) < now - KEPT_MS).map(([field]) => field);
    if (old.length > 0) await connection.hdel(keys.apiUse, ...old);
  };
  const timer = setInterval(() => void say().catch(() => {}), EVERY_MS).unref();
  return {
    note: (tenant) => void requests.set(tenant, (requests.get(tenant) ?? 0) + 1),
    async stop() {
      clearInterval(timer);
      await connection.hdel(keys.apiUse, id).catch(() => {});
    },
  };
}

/** By tenant; those that use nothing are left out. The limits are those of all processes together. */
export async function readApiUse(connection: Redis | Cluster): Promise<{
  readonly use: ReadonlyMap<string, ApiUse>;
  readonly limits: ApiLimits;
}> {
  const use = new Map<string, ApiUse>();
  let limits: ApiLimits = { waits: 0, streams: 0 };
  for (const text of Object.values(await connection.hgetall(keysOf(connection).apiUse))) {
    const said = saidIn(text);
    if (!said || said.at < Date.now() - HOLDS_MS) continue;
    limits = {
      requestsPerSecond: said.limits.requestsPerSecond ?? limits.requestsPerSecond,
      waits: limits.waits + said.limits.waits,
      streams: limits.streams + said.limits.streams,
    };
    for (const [tenant, [rps, waits, streams]] of Object.entries(said.tenants)) {
      const before = use.get(tenant) ?? { requestsPerSecond: 0, waits: 0, streams: 0 };
      use.set(tenant, {
        requestsPerSecond: before.requestsPerSecond + rps,
        waits: before.waits + waits,
        streams: before.streams + streams,
      });
    }
  }
  return { use, limits };
}

function saidIn(text: string): z.infer<typeof Said> | undefined {
  try {
    return Said.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
