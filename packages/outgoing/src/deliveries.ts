import { randomUUID } from 'node:crypto';
import { orUnavailable, runIdOf } from '@holdfast/engine';
import { runScript, type ScriptReply, scriptsIn } from '@holdfast/redis';
import type { Cluster, Redis } from 'ioredis';
import { z } from 'zod';
import { keysOf } from './keys.ts';

export const DELIVERY_STATUSES = ['pending', 'delivered', 'dead'] as const;

/** How one event's delivery to one endpoint stands. Times are Unix milliseconds on Redis' clock. */
export interface Delivery {
  /** `msg_…`: the `webhook-id` of every request. */
  readonly id: string;
  readonly tenant: string;
  readonly endpoint: string;
  /** The event's type. */
  readonly event: string;
  /** The run that it is about. Absent: a test. */
  readonly runId?: string;
  readonly status: (typeof DELIVERY_STATUSES)[number];
  readonly attempts: number;
  readonly lastStatus?: number;
  readonly lastError?: string;
  readonly latencyMs?: number;
  readonly responseExcerpt?: string;
  readonly createdAt: number;
  readonly deliveredAt?: number;
}

export type NewDelivery = Pick<Delivery, 'id' | 'tenant' | 'endpoint' | 'event' | 'runId'>;

/** `slow`: there is no place, and will hardly be one soon. */
export type Entered = 'go' | 'full' | 'slow' | 'paused' | 'disabled' | 'deleted';

/** What one try came to. */
export interface Tried {
  readonly outcome: 'delivered' | 'failed' | 'given_up' | 'gone';
  /** It ran into its timeout. */
  readonly slow: boolean;
  readonly lastStatus?: number;
  readonly lastError?: string;
  readonly latencyMs: number;
  readonly responseExcerpt?: string;
}

export interface Left {
  /** What became of the endpoint by this. */
  readonly became: 'paused' | 'disabled' | undefined;
  /** Deliveries that may try to enter again. */
  readonly calledIn: readonly string[];
}

export interface DeliveryPage {
  /** The newest first. */
  readonly data: readonly Delivery[];
  /** Absent on the last page. */
  readonly nextCursor?: string;
}

/** Deliveries, and a lane for each endpoint. Each call throws StoreUnavailableError while Redis is unreachable. */
export interface Deliveries {
  create(delivery: NewDelivery): Promise<'created' | 'known'>;
  get(tenant: string, endpoint: string, id: string): Promise<Delivery | undefined>;
  /** @param query `limit`: at most 100 */
  list(
    tenant: string,
    endpoint: string,
    query: {
      readonly status?: Delivery['status'] | undefined;
      readonly cursor?: string | undefined;
      readonly limit: number;
    },
  ): Promise<DeliveryPage>;
  /** It is to be sent again. */
  reopen(id: string): Promise<void>;
  /**
   * Takes a place in the endpoint's lane for one request.
   * @param options.always to a paused or disabled endpoint as well
   * @param options.queue where there is no place, it is called in when there is one
   */
  enter(
    delivery: Pick<Delivery, 'id' | 'tenant' | 'endpoint'>,
    options: { readonly always: boolean; readonly queue: boolean },
  ): Promise<Entered>;
  leave(delivery: Pick<Delivery, 'id' | 'endpoint'>, tried: Tried): Promise<Left>;
  /** Looks after lanes in which deliveries wait. @returns deliveries that may try to enter again */
  lookAfterLanes(): Promise<readonly Pick<Delivery, 'id' | 'tenant'>[]>;
}

export interface DeliveriesOptions {
  readonly connection: Redis | Cluster;
  /** How long an ended delivery is kept, in milliseconds. Default: 7 days. */
  readonly retentionMs?: number;
}

/** Requests to one endpoint at once; how many when it let the last one run into its timeout. */
const PLACES = 30;
const PLACES_WHEN_SLOW = 2;
/** Longer than a request may take. */
const PLACE_HELD_MS = 30_000;
const LANE_LOOKED_AFTER_MS = 2_000;
const MOST_LANES = 20;
const MOST_CALLED_IN = 100;
/** Without a success for so long an endpoint is paused. */
const PAUSED_AFTER_MS = 5 * 24 * 60 * 60 * 1_000;
const DAY_MS = 24 * 60 * 60 * 1_000;
/** Deliveries that one page of a list looks at, at most. */
const MOST_LOOKED_AT = 1_000;

const loadScript = scriptsIn(new URL('../src/lua/', import.meta.url));
const SCRIPTS = {
  create: loadScript('create-delivery'),
  enter: loadScript('enter-lane'),
  leave: loadScript('leave-lane'),
  lookAfter: loadScript('look-after-lanes'),
  open: loadScript('open-lane'),
};

const Stored = z.object({
  tenant: z.string(),
  endpoint: z.string(),
  event: z.string(),
  runId: z.string().exactOptional(),
  status: z.enum(DELIVERY_STATUSES),
  attempts: z.coerce.number(),
  lastStatus: z.coerce.number().exactOptional(),
  lastError: z.string().exactOptional(),
  latencyMs: z.coerce.number().exactOptional(),
  responseExcerpt: z.string().exactOptional(),
  createdAt: z.coerce.number(),
  deliveredAt: z.coerce.number().exactOptional(),
});
const EnteredReply = z.enum(['go', 'full', 'slow', 'paused', 'disabled', 'deleted']);
const LeftReply = z.tuple([z.enum(['paused', 'disabled', ''])], z.string());
const Ids = z.array(z.string());

/** The flow by which events are delivered: Holdfast's own, so no flow of a project can have its name. */
export const DELIVERY_FLOW = 'webhook-delivery';

/** Delivery and run are found by each other. */
export function runOfDelivery(id: string): string {
  return id.replace(/^msg_/, 'run_');
}

/** @param what tells what is delivered to one endpoint apart */
export function deliveryIdOf(tenant: string, key: string): string {
  return runIdOf(tenant, DELIVERY_FLOW, key).replace(/^run_/, 'msg_');
}

export function createDeliveries({ connection, retentionMs = 7 * DAY_MS }: DeliveriesOptions): Deliveries {
  const keys = keysOf(connection);
  const script = (name: keyof typeof SCRIPTS, at: readonly string[], args: readonly (string | number)[]) =>
    orUnavailable<ScriptReply>(runScript(connection, SCRIPTS[name], at, args));
  const lane = (endpoint: string) => [keys.inFlight(endpoint), keys.waiting(endpoint), keys.lanes];

  const read = async (tenant: string, endpoint: string, id: string): Promise<Delivery | undefined> => {
    const fields = await orUnavailable(connection.hgetall(keys.delivery(id)));
    return fields.tenant === tenant && fields.endpoint === endpoint
      ? { id, ...Stored.parse(fields) }
      : undefined;
  };

  return {
    async create({ id, tenant, endpoint, event, runId }) {
      const fields = { tenant, endpoint, event, ...(runId !== undefined && { runId }) };
      const at = [keys.delivery(id), keys.deliveries(endpoint)];
      const reply = await script('create', at, [id, keys.delivery(''), ...Object.entries(fields).flat()]);
      return reply === 'created' ? 'created' : 'known';
    },

    get: read,

    async list(tenant, endpoint, { status, cursor, limit }) {
      const found: Delivery[] = [];
      let last = cursor;
      for (let looked = 0; looked < MOST_LOOKED_AT && found.length < limit; ) {
        const wanted = status === undefined ? limit - found.length : 100;
        const page = await orUnavailable(membersAfter(connection, keys.deliveries(endpoint), last, wanted));
        for (const member of page) {
          const delivery = await read(tenant, endpoint, member.slice(member.indexOf(':') + 1));
          last = member;
          if (delivery && (status === undefined || delivery.status === status)) found.push(delivery);
          if (found.length === limit) break;
        }
        looked += page.length;
        if (page.length < wanted && last === page.at(-1)) return { data: found };
        if (page.length === 0) return { data: found };
      }
      return { data: found, ...(last !== undefined && { nextCursor: last }) };
    },

    async reopen(id) {
      const key = keys.delivery(id);
      await orUnavailable(
        connection.multi().persist(key).hset(key, 'status', 'pending').hdel(key, 'deliveredAt').exec(),
      );
    },

    async enter({ id, tenant, endpoint }, { always, queue }) {
      const at = [keys.endpoint(endpoint), keys.delivery(id), ...lane(endpoint)];
      const args = [
        ...[tenant, endpoint, id, PLACE_HELD_MS, PLACES, PLACES_WHEN_SLOW, LANE_LOOKED_AFTER_MS],
        ...[retentionMs, always ? '1' : '', queue ? '1' : ''],
      ];
      return EnteredReply.parse(await script('enter', at, args));
    },

    async leave({ id, endpoint }, { outcome, slow, ...seen }) {
      const at = [keys.endpoint(endpoint), keys.delivery(id), ...lane(endpoint)];
      const fields = Object.entries(seen).flatMap(([field, value]) => [field, String(value)]);
      const args = [
        ...[endpoint, id, outcome, slow ? '1' : '', PAUSED_AFTER_MS, PLACES, PLACES_WHEN_SLOW, retentionMs],
        ...[randomUUID(), ...fields],
      ];
      const [became, ...calledIn] = LeftReply.parse(await script('leave', at, args));
      return { became: became === '' ? undefined : became, calledIn };
    },

    async lookAfterLanes() {
      const due = Ids.parse(await script('lookAfter', [keys.lanes], [MOST_LANES, LANE_LOOKED_AFTER_MS]));
      const called = await Promise.all(
        due.map(async (endpoint) => {
          const args = [endpoint, PLACES, PLACES_WHEN_SLOW, LANE_LOOKED_AFTER_MS, MOST_CALLED_IN];
          return Ids.parse(await script('open', [keys.endpoint(endpoint), ...lane(endpoint)], args));
        }),
      );
      return Promise.all(
        called.flat().map(async (id) => {
          const tenant = await orUnavailable(connection.hget(keys.delivery(id), 'tenant'));
          return { id, tenant: tenant ?? '' };
        }),
      );
    },
  };
}

/** Those of one moment stand in the order of their ids. @returns `<created at>:<id>`, the newest first */
async function membersAfter(
  connection: Redis | Cluster,
  key: string,
  after: string | undefined,
  limit: number,
): Promise<string[]> {
  const [at, id] = after?.split(':') ?? [];
  let skip = 0;
  if (at !== undefined && id !== undefined) {
    const same = await connection.zrangebyscore(key, at, at);
    skip = same.filter((each) => each >= id).length;
  }
  const found = await connection.zrevrangebyscore(
    key,
    at ?? '+inf',
    '-inf',
    'WITHSCORES',
    'LIMIT',
    skip,
    limit,
  );
  const members: string[] = [];
  for (let i = 0; i + 1 < found.length; i += 2) members.push(`${found[i + 1]}:${found[i]}`);
  return members;
}
