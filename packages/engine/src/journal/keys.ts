import { createHash } from 'node:crypto';

/** Every key of a shard carries this hash tag, BullMQ's own included, so that a script may touch several in a cluster. */
const TAG = '{hf0}';

/** The `prefix` of every BullMQ queue of ours. */
export const QUEUE_PREFIX = TAG;

/** The queue that holds a letter for every dead run. */
export const DEAD_LETTERS = 'dead-letters';

/** Flows of Holdfast's own: their runs are listed when they are asked for by name, and with the dead. */
export const LISTED_APART: ReadonlySet<string> = new Set(['webhook', 'webhook-delivery']);

/** How long the list of a tag is kept after the last run with it: longer than runs are. */
export const TAGS_KEPT_MS = 400 * 24 * 60 * 60 * 1_000;

export const keys = {
  /** Hash: the run and its journal. Expires with the retention once the run is terminal. */
  run: (runId: string) => `${TAG}/run/${runId}`,
  /** Sorted set: run id → the time by which something must have happened to it. No TTL. */
  alarms: `${TAG}/alarms`,
  /** Sorted set: a tenant's run ids → when they were created. Entries go once their run has expired. No TTL. */
  runs: (tenant: string) => `${TAG}/runs/${tenant}`,
  /**
   * Sorted set: ids of a tenant's runs with this tag → when they were created. Entries go once their run has expired; the set expires
   * `TAGS_KEPT_MS` after the last run with the tag.
   */
  tag: (tenant: string, { name, value }: { readonly name: string; readonly value: string }) =>
    `${TAG}/tag/${tenant}/${name}:${value}`,
  /** Sorted set: a tenant's dead run ids → when they died. No TTL. */
  dead: (tenant: string) => `${TAG}/dead/${tenant}`,
  /** Sorted set: the run ids of all tenants → when they were created. Entries go once their run has expired. No TTL. */
  allRuns: `${TAG}/all-runs`,
  /** Sorted set: the dead run ids of all tenants → when they died. No TTL. */
  allDead: `${TAG}/all-dead`,
  /** Sorted set: a tenant's events (tenant-event.ts) → when they happened. Entries go after the retention. No TTL. */
  events: (tenant: string) => `${TAG}/events/${tenant}`,
  /** JSON: what a flow gave with an event that it raised itself. Expires with the retention. */
  eventPayload: (runId: string, generation: number, type: string) =>
    `${TAG}/event-payload/${runId}/${generation}/${type}`,
  /** Sorted set: events that subscribers are yet to hear of, each after its tenant → when that is due. No TTL. */
  eventsDue: `${TAG}/events-due`,
  /** Sorted set of whoever delivers events; a tenant's events are due while it is there. No TTL. */
  subscribers: (tenant: string) => `${TAG}/webhook-endpoints/${tenant}`,
  /** Set: every tenant that has submitted a run. No TTL. */
  tenants: `${TAG}/tenants`,
  /** Sorted set: worker id → the time until which it is known to be alive. No TTL. */
  workers: `${TAG}/workers`,
  /** What a worker can run: JSON, pairs of a flow and its versions. Expires a minute after the worker last said so. */
  fleet: (workerId: string) => `${TAG}/fleet/${workerId}`,
  /** Set: every flow that a worker has ever served. No TTL. */
  flows: `${TAG}/flows`,
  /** Hash: what is paused → since when and by whom. Empty, and so not there, when nothing is. No TTL. */
  pauses: `${TAG}/pauses`,
  /** Sorted set: the runs that a pause holds back, by tenant and flow. No TTL. */
  heldBack: `${TAG}/held-back`,
  /** Written to see whether Redis takes writes. Expires within seconds. */
  probe: `${TAG}/probe`,
  /** Counter: only ever grows, unless Redis has lost writes. No TTL. */
  canary: `${TAG}/canary`,
  /** When Redis was last seen to have lost writes. No TTL. */
  rollback: `${TAG}/rollback`,
} as const;

/** The same tenant, flow and Idempotency-Key always reach the same run, also after Redis has gone back in time. */
export function runIdOf(tenant: string, flow: string, idempotencyKey: string): string {
  const identity = JSON.stringify([tenant, flow, idempotencyKey]);
  return `run_${createHash('sha256').update(identity).digest('hex').slice(0, 32)}`;
}
