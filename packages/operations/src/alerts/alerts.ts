import type { Log } from '@holdfast/engine';
import type { Cluster, Redis } from 'ioredis';
import { Webhook } from 'standardwebhooks';
import { type Alert, alertStore, type Settlement } from './alert-store.ts';
import type { AlertEvent } from './event.ts';
import { messageOf } from './message.ts';

/** Tells people, by a webhook, of what they should know at once; many of a kind are one message with a count. */
export interface Alerts {
  /**
   * Counts an event, for this worker or another to tell of. Never rejects: what cannot be counted is in the log. The same event raised
   * twice, by whichever workers, counts once.
   */
  raise(event: AlertEvent): Promise<void>;
  /** Sends no more; other workers go on. */
  close(): void;
}

export interface AlertsOptions {
  /** Stays the caller's to close. */
  readonly connection: Redis | Cluster;
  /** Where messages are POSTed. */
  readonly url: string;
  /** `whsec_…`: signs them after Standard Webhooks. Without it they are not signed. */
  readonly secret?: string;
  /** Where people go from a message. */
  readonly dashboardUrl?: string;
  readonly log: Log;
  readonly timing?: Partial<AlertTiming>;
  /** After so many failures an alert is given up. Default 15, about an hour and a half. */
  readonly tries?: number;
}

/** All in milliseconds. */
export interface AlertTiming {
  /** From the first of a kind to its message: what comes meanwhile is counted in it. */
  readonly collectMs: number;
  /** From one message of a kind to its next. */
  readonly quietMs: number;
  /** How often each worker looks whether there is something to send. */
  readonly lookEveryMs: number;
  /** After a first failure to send; doubled with each further one, up to ten minutes. */
  readonly retryFirstMs: number;
  /** A worker that has not said by then how its sending ended is taken for dead. Longer than a try takes. */
  readonly leaseMs: number;
}

const TIMING: AlertTiming = {
  ...{ collectMs: 5_000, quietMs: 5 * 60_000, lookEveryMs: 1_000 },
  ...{ retryFirstMs: 5_000, leaseMs: 30_000 },
};
const RETRY_MAX_MS = 10 * 60_000;
const TRIES = 15;
const ANSWERS_WITHIN_MS = 10_000;

/** Counts an event, for the workers to tell of. Never rejects: what cannot be counted is in the log. */
export async function raiseAlert(
  { connection, log }: Pick<AlertsOptions, 'connection' | 'log'>,
  event: AlertEvent,
  collectMs: number = TIMING.collectMs,
): Promise<void> {
  try {
    await alertStore(connection).raise(event, collectMs);
  } catch (error) {
    log.error({ err: error, kind: event.kind }, 'an alert could not be raised');
  }
}

/** Counts and sends until closed. Start one in each worker: each alert is sent by one of them. */
export function createAlerts(options: AlertsOptions): Alerts {
  const { connection, log } = options;
  const { tries: maxTries = TRIES } = options;
  const timing = { ...TIMING, ...options.timing };
  const store = alertStore(connection);
  const signer = options.secret === undefined ? undefined : new Webhook(options.secret);
  const closed = new AbortController();

  const look = async () => {
    // commands would wait for Redis, and be answered long after
    if (connection.status !== 'ready') return;
    const alert = await store.take(timing.leaseMs);
    if (!alert || closed.signal.aborted) return;
    const failure = await send(alert);
    // given up half way: the next worker begins again when the lease is over
    if (closed.signal.aborted) return;
    await store.settle(alert, settle(alert, failure));
  };

  const settle = ({ id, kind, tries }: Alert, failure: string | undefined): Settlement => {
    if (failure === undefined) return { outcome: 'sent', quietForMs: timing.quietMs };
    const facts = { alert: id, kind, tries, failure };
    if (tries >= maxTries) {
      log.error(facts, 'an alert could not be sent and is dropped; check HOLDFAST_ALERT_URL');
      return { outcome: 'given_up', quietForMs: timing.quietMs };
    }
    log.warn(facts, 'an alert could not be sent; retrying');
    return { outcome: 'failed', againInMs: Math.min(timing.retryFirstMs * 2 ** (tries - 1), RETRY_MAX_MS) };
  };

  /** @returns why it failed, without the URL, which may be a secret */
  const send = async (alert: Alert): Promise<string | undefined> => {
    const body = JSON.stringify(messageOf(alert, options.dashboardUrl));
    const now = new Date();
    const signed = signer && {
      'webhook-id': alert.id,
      'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
      'webhook-signature': signer.sign(alert.id, now, body),
    };
    try {
      const response = await fetch(options.url, {
        ...{ method: 'POST', body, redirect: 'manual' },
        headers: { 'content-type': 'application/json', ...signed },
        signal: AbortSignal.any([closed.signal, AbortSignal.timeout(ANSWERS_WITHIN_MS)]),
      });
      await response.body?.cancel();
      return response.ok ? undefined : `it was answered ${response.status}`;
    } catch (error) {
      return reasonOf(error);
    }
  };

  let timer: NodeJS.Timeout | undefined;
  const lookSoon = () => {
    if (closed.signal.aborted) return;
    timer = setTimeout(() => {
      look()
        .catch((error: unknown) => {
          // closed: the connection may have gone with it
          if (closed.signal.aborted) return;
          log.warn({ err: error }, 'alerts could not be read; retrying');
        })
        .finally(lookSoon);
    }, timing.lookEveryMs);
  };
  lookSoon();

  return {
    raise: (event) => raiseAlert(options, event, timing.collectMs),
    close() {
      closed.abort();
      clearTimeout(timer);
    },
  };
}

function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  if (cause instanceof Error && 'code' in cause) return String(cause.code);
  return error instanceof Error ? error.name : 'it failed';
}
