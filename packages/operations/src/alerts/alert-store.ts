import { runScript } from '@holdfast/redis';
import type { Cluster, Redis } from 'ioredis';
import { z } from 'zod';
import { keysOf } from '../keys.ts';
import { loadScript } from '../scripts.ts';
import { ALERT_KINDS, type AlertEvent, type AlertKind, countedAs } from './event.ts';

/** So many of one kind, told together. */
export interface Alert {
  /** The same on every try. */
  readonly id: string;
  readonly kind: AlertKind;
  /** When the first was counted, in Unix milliseconds on Redis' clock. */
  readonly since: number;
  /** This one included. */
  readonly tries: number;
  /** The largest first. One with neither facts nor example holds what came after there were too many groups. */
  readonly groups: readonly AlertGroup[];
}

export interface AlertGroup {
  readonly facts: Readonly<Record<string, string>>;
  readonly count: number;
  readonly example?: string;
}

export type Settlement =
  | { readonly outcome: 'failed'; readonly againInMs: number }
  | { readonly outcome: 'sent' | 'given_up'; readonly quietForMs: number };

/** Alerts in Redis, shared by all workers: counted until they are told, and then held by one worker at a time. */
export interface AlertStore {
  raise(event: AlertEvent, collectMs: number): Promise<void>;
  /** An alert whose time has come, for this caller to send until the lease is over. */
  take(leaseMs: number): Promise<Alert | undefined>;
  settle(alert: Alert, settlement: Settlement): Promise<void>;
}

const MAX_GROUPS = 50;
const KEPT_UNSENT_MS = 7 * 24 * 60 * 60 * 1_000;

const SCRIPTS = {
  raise: loadScript('raise-alert'),
  take: loadScript('take-alert'),
  settle: loadScript('settle-alert'),
};

const Taken = z.union([
  z.tuple([z.literal('taken'), z.enum(ALERT_KINDS), z.array(z.string())]),
  z.tuple([z.literal('none')]),
]);
const Facts = z.record(z.string(), z.string());

export function alertStore(connection: Redis | Cluster): AlertStore {
  const keys = keysOf(connection);
  return {
    async raise(event, collectMs) {
      const { identity, knownForMs, goesOn, group, example = '' } = countedAs(event);
      const { kind } = event;
      await runScript(
        connection,
        SCRIPTS.raise,
        [keys.alerts, keys.alertCounts(kind), keys.alertSeen(kind, identity), keys.alertQuiet(kind)],
        [
          ...[kind, JSON.stringify(group), example, collectMs, knownForMs, goesOn ? '1' : '0'],
          ...[MAX_GROUPS, KEPT_UNSENT_MS],
        ],
      );
    },

    async take(leaseMs) {
      const ofKinds = ALERT_KINDS.flatMap((kind) => [keys.alertCounts(kind), keys.alertSending(kind)]);
      const args = [leaseMs, KEPT_UNSENT_MS, ...ALERT_KINDS];
      const reply = Taken.parse(await runScript(connection, SCRIPTS.take, [keys.alerts, ...ofKinds], args));
      return reply[0] === 'none' ? undefined : readAlert(reply[1], reply[2]);
    },

    async settle({ kind, id }, settlement) {
      const { outcome } = settlement;
      const nextInMs = outcome === 'failed' ? settlement.againInMs : settlement.quietForMs;
      await runScript(
        ...([connection, SCRIPTS.settle] as const),
        [keys.alerts, keys.alertCounts(kind), keys.alertSending(kind), keys.alertQuiet(kind)],
        [kind, id, outcome, nextInMs],
      );
    },
  };
}

function readAlert(kind: AlertKind, list: readonly string[]): Alert {
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < list.length; i += 2) fields.set(list[i] ?? '', list[i + 1] ?? '');
  const groups = [...fields].flatMap(([field, value]): AlertGroup[] => {
    if (!field.startsWith('n:')) return [];
    const group = field.slice(2);
    const example = fields.get(`e:${group}`);
    const facts = group === '' ? {} : Facts.parse(JSON.parse(group));
    return [{ facts, count: Number(value), ...(example && { example }) }];
  });
  return {
    ...{
      kind,
      id: fields.get('id') ?? '',
      since: Number(fields.get('since')),
      tries: Number(fields.get('tries')),
    },
    groups: groups.toSorted((a, b) => b.count - a.count),
  };
}
