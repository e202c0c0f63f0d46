import { acceptanceRules } from './oracle/acceptance.ts';
import { callRules } from './oracle/calls.ts';
import { effectRules } from './oracle/effects.ts';
import type { Facts } from './oracle/facts.ts';
import { restRules } from './oracle/rest.ts';

/** What must be true once everything has healed, whatever happened before. A number is one promise, whose rules may be several. */
const RULES = [...acceptanceRules, ...effectRules, ...callRules, ...restRules].sort(
  (a, b) => a.number - b.number,
);

/** @returns what is wrong, each saying which run (or key, or job) and what; empty when all is as it must be */
export function violations(facts: Facts): string[] {
  return RULES.flatMap(({ number, name, broken }) =>
    [...broken(facts)].map((what) => `rule ${number}, ${name}: ${what}`),
  );
}
