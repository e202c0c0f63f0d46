import { amountOf } from '../outside/orders.ts';
import { type Effect, type RunRecord, runIdIn } from '../outside/records.ts';
import type { Asked } from '../outside/shop.ts';
import type { StoreDump } from '../outside/store.ts';
import type { ProviderCall } from '../outside/witness.ts';

/** A process that was killed. */
export interface Crash {
  readonly part: 'redis' | 'api' | 'workers';
  readonly at: number;
}

/** All that can be known from outside: the oracle judges nothing else. */
export interface Facts {
  /** What clients asked for, and what they were answered. */
  readonly asked: readonly Asked[];
  /** Every run that a client, the ledger or Redis knows of, as the API tells it. */
  readonly runs: ReadonlyMap<string, RunRecord>;
  readonly ledger: readonly Effect[];
  readonly calls: readonly ProviderCall[];
  readonly store: StoreDump;
  readonly crashes: readonly Crash[];
  /** How many worker processes there are. */
  readonly workers: number;
  /**
   * A worker or Redis was killed so lately that BullMQ may still hold a job for a worker that is dead, or that never learned
   * that it got the job.
   */
  readonly locksMayHold: boolean;
  /** Log lines about errors that nobody handled. */
  readonly unhandled: readonly string[];
}

export interface Rule {
  readonly number: number;
  readonly name: string;
  readonly broken: (facts: Facts) => Iterable<string>;
}

/** Every run with its effects, in the order in which they happened. */
export function* runsWithEffects({ runs, ledger }: Facts): Iterable<readonly [RunRecord, readonly Effect[]]> {
  const byRun = new Map<string, Effect[]>();
  for (const effect of ledger) {
    const runId = runIdIn(effect.reference) ?? '';
    const own = byRun.get(runId);
    if (own) own.push(effect);
    else byRun.set(runId, [effect]);
  }
  for (const run of runs.values()) yield [run, byRun.get(run.id) ?? []];
}

export function count(effects: readonly Effect[], operation: string): number {
  return effects.filter((effect) => effect.operation === operation).length;
}

/** What the client was to pay, in minor units; undefined when no client asked for the run. */
export function priceOf({ asked }: Facts, run: RunRecord): number | undefined {
  const request = asked.find(({ key, answer }) => key === run.idempotencyKey && answer.kind !== 'refused');
  return request && amountOf(request.order);
}

export interface Accepted {
  readonly key: string;
  readonly run: RunRecord;
}

export function accepted({ asked }: Facts): Accepted[] {
  return asked.flatMap(({ key, answer }) => (answer.kind === 'accepted' ? [{ key, run: answer.run }] : []));
}
