import type { FailureKind } from '@holdfast/engine';

export const ALERT_KINDS = [
  'dead_letter',
  'breaker_opened',
  'credentials_refused',
  'redis_rollback',
  'webhook_failed',
  'webhook_id_reused',
  'webhook_endpoint_paused',
  'locked_out',
] as const;
export type AlertKind = (typeof ALERT_KINDS)[number];

/** Something that a person should hear of. */
export type AlertEvent =
  | {
      readonly kind: 'dead_letter';
      readonly runId: string;
      /** The number of this death of the run. */
      readonly death: number;
      readonly flow: string;
      readonly code: string;
      readonly reason: FailureKind;
      readonly step?: string;
    }
  /** A provider was found to be down. `id` tells one opening from the next. */
  | { readonly kind: 'breaker_opened'; readonly provider: string; readonly id: string }
  | { readonly kind: 'credentials_refused'; readonly provider: string; readonly code: string }
  | { readonly kind: 'redis_rollback' }
  /** Too many wrong passwords at the dashboard. */
  | { readonly kind: 'locked_out'; readonly user: string; readonly address: string }
  /** The mapping of a webhook threw; `id` is the event's. */
  | { readonly kind: 'webhook_failed'; readonly source: string; readonly type: string; readonly id: string }
  /** Somebody sent a webhook under the id of another one; it was refused. */
  | { readonly kind: 'webhook_id_reused'; readonly source: string; readonly id: string }
  /** It took no webhook for days; its deliveries wait until somebody makes it active. */
  | { readonly kind: 'webhook_endpoint_paused'; readonly tenant: string; readonly endpoint: string };

/** How an event is counted. */
export interface Counted {
  /** Equal for the same thing told twice: it counts once. */
  readonly identity: string;
  /** For how long the same thing is known. */
  readonly knownForMs: number;
  /** Told again it is known for as long again: something that goes on is told of once. */
  readonly goesOn: boolean;
  /** What events have in common that are counted together, in this order. */
  readonly group: Readonly<Record<string, string>>;
  /** One of them, to look at. */
  readonly example?: string;
}

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

export function countedAs(event: AlertEvent): Counted {
  switch (event.kind) {
    case 'dead_letter': {
      const { runId, death, flow, code, reason, step } = event;
      return {
        // a letter is looked after every hour, and told of each time
        ...{ identity: `${runId}.d${death}`, knownForMs: DAY_MS, goesOn: true },
        ...{ group: { flow, code, reason, ...(step !== undefined && { step }) }, example: runId },
      };
    }
    case 'breaker_opened': {
      const { provider, id } = event;
      return { identity: id, knownForMs: DAY_MS, goesOn: false, group: { provider } };
    }
    case 'credentials_refused': {
      const { provider, code } = event;
      const identity = `${provider}.${code}`;
      return { identity, knownForMs: MINUTE_MS, goesOn: false, group: { provider, code } };
    }
    case 'locked_out': {
      const { user, address } = event;
      return {
        ...{ identity: `${user}.${address}`, knownForMs: MINUTE_MS, goesOn: false },
        ...{ group: { user }, example: address },
      };
    }
    case 'webhook_failed': {
      const { source, type, id } = event;
      // replay asks the mapping again
      return {
        ...{ identity: `${source}.${id}`, knownForMs: DAY_MS, goesOn: true },
        ...{ group: { source, type }, example: id },
      };
    }
    case 'webhook_id_reused': {
      const { source, id } = event;
      return {
        identity: `${source}.${id}`,
        knownForMs: DAY_MS,
        goesOn: true,
        group: { source },
        example: id,
      };
    }
    case 'webhook_endpoint_paused': {
      const { tenant, endpoint } = event;
      // paused once more after somebody made it active: that is new
      return { identity: endpoint, knownForMs: MINUTE_MS, goesOn: false, group: { tenant, endpoint } };
    }
    case 'redis_rollback':
      // every worker notices the same one, within a second
      return { identity: 'noticed', knownForMs: 10_000, goesOn: false, group: {} };
  }
}
