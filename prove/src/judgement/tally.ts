import { type Facts, generations } from '../oracle/facts.ts';
import { STEPS, stepsOf } from '../outside/records.ts';

/** Effects of one kind, from the providers' ledger. */
export interface Tally {
  readonly effect: string;
  readonly happened: number;
  /** More than once for one step, or undo, of one generation of a run. */
  readonly duplicated: number;
  /** Not there though the run says that the step was done, or undone. */
  readonly lost: number;
}

const EFFECTS = STEPS.flatMap(({ effect, undo }) => [effect, ...(undo ? [undo] : [])]);

/** Counted by itself, so that the oracle's rules can be checked against it by eye. */
export function tally(facts: Facts): Tally[] {
  const counts = new Map(EFFECTS.map((effect) => [effect, { effect, happened: 0, duplicated: 0, lost: 0 }]));
  for (const { operation } of facts.ledger) {
    const count = counts.get(operation);
    if (count) count.happened += 1;
  }
  for (const { run, generation, effects } of generations(facts)) {
    for (const { name, effect, undo } of stepsOf(run)) {
      const status = run.steps.find((step) => step.name === name)?.status;
      for (const [operation, due] of [
        [effect, status === 'completed' || status === 'compensated'],
        [undo, status === 'compensated'],
      ] as const) {
        const count = operation && counts.get(operation);
        if (!count) continue;
        const times = effects.filter((each) => each.operation === operation).length;
        count.duplicated += Math.max(0, times - 1);
        if (due && times === 0 && generation === run.generation) count.lost += 1;
      }
    }
  }
  return [...counts.values()];
}
