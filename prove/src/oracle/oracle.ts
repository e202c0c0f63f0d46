import { acceptanceRules } from './acceptance.ts';
import { callRules } from './calls.ts';
import { effectRules } from './effects.ts';
import type { Facts } from './facts.ts';
import { restRules } from './rest.ts';

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
