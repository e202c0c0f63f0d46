import { runScript } from '@holdfast/redis';
import type { Cluster, Redis } from 'ioredis';
import type { Json } from '../contract/run.ts';
import { keysOf } from '../journal/keys.ts';
import { loadScript } from '../journal/scripts.ts';
import { orUnavailable } from '../or-unavailable.ts';

/** Something about a run that the tenant's subscribers may want to hear: the end of a run, its death, or what its flow raised. */
export interface TenantEvent {
  readonly tenant: string;
  /** Such as `run.completed`. */
  readonly type: string;
  readonly runId: string;
  readonly generation: number;
  /** Tells events of one type and generation of a run apart. */
  readonly nth: number;
  readonly flow: string;
}

export interface Only {
  readonly subscriber: string;
  readonly as: string;
}

export interface DueEvent {
  readonly event: TenantEvent;
  /** Of a replay: the only subscriber that it is for, and the type as which it is sent. */
  readonly only: Only | undefined;
  /** As it is kept. */
  readonly entry: string;
}

/** A tenant's events, in the order in which they happened. Each call throws StoreUnavailableError while Redis is unreachable. */
export interface TenantEvents {
  /** Those to be handed over now. Each is this caller's until the lease is over; then it is given out again. */
  takeDue(limit: number, leaseMs: number): Promise<readonly DueEvent[]>;
  /** It was handed over. */
  handedOver(due: DueEvent): Promise<void>;
  /** Has events handed over once more, to one subscriber. */
  replay(events: readonly (Only & { readonly event: TenantEvent })[]): Promise<void>;
  /** Those of [since, until), in Unix milliseconds, a page at a time. */
  between(tenant: string, since: number, until: number): AsyncGenerator<readonly TenantEvent[], void>;
  /** When it happened. @returns undefined when it is kept no more */
  timeOf(event: TenantEvent): Promise<number | undefined>;
  /** What its flow gave with it. */
  payloadOf(event: TenantEvent): Promise<Json | undefined>;
}

const takeAlarms = loadScript('take-alarms');
const PAGE = 500;

export function tenantEvents(connection: Redis | Cluster): TenantEvents {
  const keys = keysOf(connection);
  return {
    async takeDue(limit, leaseMs) {
      const reply = await orUnavailable(
        runScript(connection, takeAlarms, [keys.eventsDue], [limit, leaseMs]),
      );
      const [, ...entries] = Array.isArray(reply) ? reply : [];
      return entries.map(String).map((entry) => {
        const [tenant = '', type = '', runId = '', generation, nth, flow = '', subscriber, as] =
          entry.split(' ');
        const event = { tenant, type, runId, generation: Number(generation), nth: Number(nth), flow };
        const only = subscriber !== undefined && as !== undefined ? { subscriber, as } : undefined;
        return { event, only, entry };
      });
    },

    async handedOver({ entry }) {
      await orUnavailable(connection.zrem(keys.eventsDue, entry));
    },

    async replay(events) {
      const entries = events.flatMap(({ event, subscriber, as }) => [
        0,
        `${event.tenant} ${memberOf(event)} ${subscriber} ${as}`,
      ]);
      if (entries.length > 0) await orUnavailable(connection.zadd(keys.eventsDue, ...entries));
    },

    async *between(tenant, since, until) {
      for (let offset = 0; ; offset += PAGE) {
        const found = await orUnavailable(
          connection.zrangebyscore(keys.events(tenant), since, `(${until}`, 'LIMIT', offset, PAGE),
        );
        if (found.length > 0) yield found.map((member) => eventOf(tenant, member));
        if (found.length < PAGE) return;
      }
    },

    async timeOf(event) {
      const at = await orUnavailable(connection.zscore(keys.events(event.tenant), memberOf(event)));
      return at === null ? undefined : Number(at);
    },

    async payloadOf({ runId, generation, type }) {
      const text = await orUnavailable(connection.get(keys.eventPayload(runId, generation, type)));
      return text === null ? undefined : (JSON.parse(text) as Json);
    },
  };
}

/** As `note_event` writes it (events.lua). */
function memberOf({ type, runId, generation, nth, flow }: TenantEvent): string {
  return [type, runId, generation, nth, flow].join(' ');
}

function eventOf(tenant: string, member: string): TenantEvent {
  const [type = '', runId = '', generation, nth, flow = ''] = member.split(' ');
  return { tenant, type, runId, generation: Number(generation), nth: Number(nth), flow };
}
