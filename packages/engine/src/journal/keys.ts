import { createHash } from 'node:crypto';
import { tagIn, tagOf } from '@holdfast/redis';

/** The `prefix` of every BullMQ queue of ours, in a system without a namespace. */
export const QUEUE_PREFIX = tagIn(undefined);

/** The queue that holds a letter for every dead run. */
export const DEAD_LETTERS = 'dead-letters';

/** Flows of Holdfast's own: their runs are listed when they are asked for by name, and with the dead. */
export const LISTED_APART: ReadonlySet<string> = new Set(['webhook', 'webhook-delivery']);

/** How long the list of a tag is kept after the last run with it: longer than runs are. */
export const TAGS_KEPT_MS = 400 * 24 * 60 * 60 * 1_000;

const keysWith = (tag: string) => ({
  /**
   * Hash: the run and its journal. Expires with the retention once the run is terminal. Also the channel on which the run's end, or death, is
   * announced.
   */
  run: (runId: string) => `${tag}/run/${runId}`,
  /** Sorted set: run id → the time by which something must have happened to it. No TTL. */
  alarms: `${tag}/alarms`,
  /** Sorted set: a tenant's run ids → when they were created. Entries go once their run has expired. No TTL. */
  runs: (tenant: string) => `${tag}/runs/${tenant}`,
  /**
   * Sorted set: ids of a tenant's runs with this tag → when they were created. Entries go once their run has expired; the set expires
   * `TAGS_KEPT_MS` after the last run with the tag.
   */
  tag: (tenant: string, { name, value }: { readonly name: string; readonly value: string }) =>
    `${tag}/tag/${tenant}/${name}:${value}`,
  /** Sorted set: a tenant's dead run ids → when they died. No TTL. */
  dead: (tenant: string) => `${tag}/dead/${tenant}`,
  /** Sorted set: a flow's lanes whose runs wait → their turn. Empty, and so gone, while nobody waits. No TTL. */
  lanes: (flow: string) => `${tag}/lanes/${flow}`,
  /** Sorted set: a tenant's runs of a flow that wait to be let into its queue → their place. Gone while there are none. No TTL. */
  lane: (flow: string, tenant: string) => `${tag}/lane/${flow}/${tenant}`,
  /** Sorted set: the run ids of all tenants → when they were created. Entries go once their run has expired. No TTL. */
  allRuns: `${tag}/all-runs`,
  /** Sorted set: the dead run ids of all tenants → when they died. No TTL. */
  allDead: `${tag}/all-dead`,
  /** Set: the runs of a lane with a limit that are with workers; of a tenant with one, the flow is "*". Gone while there are none. No TTL. */
  laneHeld: (flow: string, lane: string) => `${tag}/lane-held/${flow}/${lane}`,
  /** Sorted set: the runs that wait for a place in such a lane → when they were created. Gone while there are none. No TTL. */
  laneWaiting: (flow: string, lane: string) => `${tag}/lane-waiting/${flow}/${lane}`,
  /** Sorted set: a tenant's events (tenant-event.ts) → when they happened. Entries go after the retention. No TTL. */
  events: (tenant: string) => `${tag}/events/${tenant}`,
  /** JSON: what a flow gave with an event that it raised itself. Expires with the retention. */
  eventPayload: (runId: string, generation: number, type: string) =>
    `${tag}/event-payload/${runId}/${generation}/${type}`,
  /** Sorted set: events that subscribers are yet to hear of, each after its tenant → when that is due. No TTL. */
  eventsDue: `${tag}/events-due`,
  /** Sorted set of whoever delivers events; a tenant's events are due while it is there. No TTL. */
  subscribers: (tenant: string) => `${tag}/webhook-endpoints/${tenant}`,
  /** Set: every tenant that has submitted a run. No TTL. */
  tenants: `${tag}/tenants`,
  /** Sorted set: worker id → the time until which it is known to be alive. No TTL. */
  workers: `${tag}/workers`,
  /** What a worker can run: JSON, pairs of a flow and its versions. Expires a minute after the worker last said so. */
  fleet: (workerId: string) => `${tag}/fleet/${workerId}`,
  /** Set: every flow that a worker has ever served. No TTL. */
  flows: `${tag}/flows`,
  /** Hash: what is paused → since when and by whom. Empty, and so not there, when nothing is. No TTL. */
  pauses: `${tag}/pauses`,
  /** Sorted set: the runs that a pause holds back, by tenant and flow. No TTL. */
  heldBack: `${tag}/held-back`,
  /** Written to see whether Redis takes writes. Expires within seconds. */
  probe: `${tag}/probe`,
  /** Counter: only ever grows, unless Redis has lost writes. No TTL. */
  canary: `${tag}/canary`,
  /** When Redis was last seen to have lost writes. No TTL. */
  rollback: `${tag}/rollback`,
  /** The run that registered a reference last. Expires with the run; until the run has ended: No TTL. */
  correlation: (tenant: string, reference: Reference) =>
    `${tag}/correlation/${tenant}/${hashOfReference(reference)}`,
  /** Set: runs that are to be told when somebody registers a reference. Expires a day after the last of them came. */
  uncorrelated: (tenant: string, reference: Reference) =>
    `${tag}/uncorrelated/${tenant}/${hashOfReference(reference)}`,
  /** Hash: a value of a tenant's state. No TTL. */
  state: (tenant: string, name: string) => `${tag}/state/${tenant}/${name}`,
  /** Sorted set: the names of a tenant's values, in their order. No TTL. */
  states: (tenant: string) => `${tag}/states/${tenant}`,
  /** Hash: a schedule. No TTL. */
  schedule: (tenant: string, name: string) => `${tag}/schedule/${tenant}/${name}`,
  /** Sorted set: the names of a tenant's schedules, in their order. No TTL. */
  schedules: (tenant: string) => `${tag}/schedules/${tenant}`,
  /** Sorted set: tenant and name of a schedule → when it is due. No TTL. */
  schedulesDue: `${tag}/schedules-due`,
  /** What the ids of callbacks are made with. No TTL. */
  callbackKey: `${tag}/callback-key`,
});

export type Keys = ReturnType<typeof keysWith>;

const made = new Map<string, Keys>();

/** The keys of the system that a connection belongs to. */
export function keysOf(connection: object): Keys {
  const tag = tagOf(connection);
  const keys = made.get(tag) ?? keysWith(tag);
  made.set(tag, keys);
  return keys;
}

/** What others call the thing that a run is about: a kind, and an id of theirs. */
export type Reference = readonly [kind: string, id: string];

function hashOfReference(reference: Reference): string {
  return createHash('sha256').update(JSON.stringify(reference)).digest('hex').slice(0, 32);
}

/** The same tenant, flow and Idempotency-Key always reach the same run, also after Redis has gone back in time. */
export function runIdOf(tenant: string, flow: string, idempotencyKey: string): string {
  const identity = JSON.stringify([tenant, flow, idempotencyKey]);
  return `run_${createHash('sha256').update(identity).digest('hex').slice(0, 32)}`;
}
