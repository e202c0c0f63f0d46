import { type Effect, generationOf, type RunRecord, runIdIn } from '../outside/records.ts';
import type { Act, Asked } from '../outside/shop.ts';
import type { StoreDump } from '../outside/store.ts';
import type { Heard } from '../outside/subscriber.ts';
import type { ProviderCall } from '../outside/witness.ts';

/** A process that was killed. */
export interface Crash {
  readonly part: 'redis' | 'api' | 'workers';
  readonly at: number;
  /** Until when workers may lose their locks, and so their runs, because of it. Default: at once. */
  readonly until?: number;
}

/** All that can be known from outside: the oracle judges nothing else. */
export interface Facts {
  /** What clients asked for, and what they were answered. */
  readonly asked: readonly Asked[];
  /** What people did about runs. */
  readonly acts: readonly Act[];
  /** Every run that a client, the ledger or Redis knows of, as the API tells it. */
  readonly runs: ReadonlyMap<string, RunRecord>;
  readonly ledger: readonly Effect[];
  readonly calls: readonly ProviderCall[];
  readonly store: StoreDump;
  /** What a subscriber to the ends of runs was told and has taken; absent where there is none. */
  readonly heard?: readonly Heard[];
  readonly crashes: readonly Crash[];
  /** When a replica became the master: what runs of that time come to next may have been forgotten, and is treated as in doubt. */
  readonly promotions: readonly number[];
  /** When workers that had stood still beyond their locks went on. */
  readonly resumed: readonly number[];
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

/** Every run with the effects of its present generation, in the order in which they happened. */
export function* runsWithEffects(facts: Facts): Iterable<readonly [RunRecord, readonly Effect[]]> {
  for (const { run, effects, generation } of generations(facts)) {
    if (generation === run.generation) yield [run, effects];
  }
}

/** Every generation of every run with its effects, in the order in which they happened. */
export function* generations({ runs, ledger }: Facts): Iterable<{
  readonly run: RunRecord;
  readonly generation: number;
  readonly effects: readonly Effect[];
}> {
  const byRun = groupBy(ledger, ({ reference }) => runIdIn(reference) ?? '');
  for (const run of runs.values()) {
    const own = byRun.get(run.id) ?? [];
    for (let generation = 1; generation <= run.generation; generation += 1) {
      const effects = own.filter((effect) => (generationOf(effect) ?? run.generation) === generation);
      yield { run, generation, effects };
    }
  }
}

export function count(effects: readonly Effect[], operation: string): number {
  return effects.filter((effect) => effect.operation === operation).length;
}

/** What clients were to pay, or to get back, in minor units by key. */
export function amounts({ asked }: Facts): ReadonlyMap<string, number> {
  return new Map(
    asked.flatMap(({ key, amount, answer }) => (answer.kind === 'refused' ? [] : [[key, amount] as const])),
  );
}

export interface Accepted {
  readonly key: string;
  readonly run: RunRecord;
}

export function accepted({ asked }: Facts): Accepted[] {
  return asked.flatMap(({ key, answer }) => (answer.kind === 'accepted' ? [{ key, run: answer.run }] : []));
}

export function groupBy<T>(items: Iterable<T>, keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group) group.push(item);
    else groups.set(key, [item]);
  }
  return groups;
}
