import type { Landing } from '../chaos/landings.ts';
import type { Facts } from '../oracle/facts.ts';
import { isOver } from '../outside/records.ts';

/** How long after faults of one kind the runs ended that were under way. */
export interface Recovery {
  readonly kind: string;
  readonly faults: number;
  /** Milliseconds; undefined when no run was under way at any of them. */
  readonly p50: number | undefined;
  readonly p99: number | undefined;
  readonly max: number | undefined;
}

/**
 * By kind of fault, in the order in which the kinds first took hold. Of runs that a person did something about nothing is said: they took as
 * long as the person did.
 */
export function recoveries({ runs, acts }: Facts, landings: readonly Landing[]): Recovery[] {
  const touched = new Set(acts.map(({ runId }) => runId));
  const own = [...runs.values()].filter(({ id, status }) => isOver(status) && !touched.has(id));
  return [...new Set(landings.map(({ kind }) => kind))].map((kind) => {
    const of = landings.filter((landing) => landing.kind === kind);
    const times = of
      .flatMap(({ at }) =>
        own.flatMap(({ createdAt, finishedAt = 0 }) =>
          createdAt < at && finishedAt > at ? [finishedAt - at] : [],
        ),
      )
      .sort((a, b) => a - b);
    const quantile = (q: number) => times[Math.min(times.length - 1, Math.floor(q * times.length))];
    return { kind, faults: of.length, p50: quantile(0.5), p99: quantile(0.99), max: times.at(-1) };
  });
}
