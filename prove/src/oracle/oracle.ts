import { acceptanceRules } from './acceptance.ts';
import { callRules } from './calls.ts';
import { effectRules } from './effects.ts';
import { eventRules } from './events.ts';
import type { Facts, Rule } from './facts.ts';
import { OWN_FLOWS } from './own-flows.ts';
import { restRules } from './rest.ts';

/** What holds of the runs that clients ask for. */
const OF_CLIENTS = [...acceptanceRules, ...effectRules, ...callRules, ...eventRules];

/**
 * What must be true once everything has healed, whatever happened before. A number is one promise, whose rules may be several.
 * @returns what is wrong, each saying which run (or key, or job) and what; empty when all is as it must be
 */
export function violations(facts: Facts): string[] {
  const clients = {
    ...facts,
    runs: new Map([...facts.runs].filter(([, { flow }]) => !OWN_FLOWS.has(flow))),
  };
  const of = (rules: readonly Rule[], seen: Facts) => rules.map((rule) => ({ ...rule, seen }));
  return [...of(OF_CLIENTS, clients), ...of(restRules, facts)]
    .sort((a, b) => a.number - b.number)
    .flatMap(({ number, name, broken, seen }) =>
      [...broken(seen)].map((what) => `rule ${number}, ${name}: ${what}`),
    );
}
