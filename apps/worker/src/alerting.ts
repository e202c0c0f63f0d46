import { randomUUID } from 'node:crypto';
import type { WorkerOptions } from '@holdfast/engine';
import type { GuardObserver } from '@holdfast/http';
import type { Alerts } from '@holdfast/operations';
import { refusesUs } from './refuses-us.ts';

/** A provider that refuses our credentials does so with every call: each worker tells of it this often. */
const REFUSALS_EVERY_MS = 30_000;

/** Lets people hear of what the guards of the providers see; all else goes on to `observer`. */
export function alertingObserver(observer: GuardObserver, alerts: Alerts | undefined): GuardObserver {
  if (!alerts) return observer;
  const toldAt = new Map<string, number>();
  return {
    ...observer,
    called(provider, call) {
      observer.called(provider, call);
      if (!refusesUs(call)) return;
      const { code = 'credentials_refused' } = call;
      const what = `${provider} ${code}`;
      if (performance.now() - (toldAt.get(what) ?? Number.NEGATIVE_INFINITY) < REFUSALS_EVERY_MS) return;
      toldAt.set(what, performance.now());
      void alerts.raise({ kind: 'credentials_refused', provider, code });
    },
    breakerOpened(provider) {
      observer.breakerOpened?.(provider);
      void alerts.raise({ kind: 'breaker_opened', provider, id: randomUUID() });
    },
  };
}

/** Lets people hear of what the engine's worker sees. */
export function alertingHooks(alerts: Alerts | undefined): Pick<WorkerOptions, 'onDeath' | 'onRollback'> {
  if (!alerts) return {};
  return {
    onDeath: ({ runId, death, flow, failure }) => {
      const { code, kind: reason, step } = failure;
      const event = { kind: 'dead_letter', runId, death, flow, code, reason } as const;
      return alerts.raise(step === undefined ? event : { ...event, step });
    },
    onRollback: () => void alerts.raise({ kind: 'redis_rollback' }),
  };
}
