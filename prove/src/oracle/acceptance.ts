import { runIdIn } from '../outside/records.ts';
import { accepted, type Facts, type Rule } from './facts.ts';

/** What clients were promised, and nothing that nobody asked for. */
export const acceptanceRules: readonly Rule[] = [
  { number: 1, name: 'every acknowledged run exists', broken: lostRuns },
  { number: 2, name: 'one run per key, and all answers agree', broken: disagreements },
  { number: 3, name: 'every effect belongs to a run that a client asked for', broken: unasked },
];

function* lostRuns(facts: Facts) {
  for (const { key, run } of accepted(facts)) {
    if (!facts.runs.has(run.id)) yield `${run.id} was acknowledged for key ${key}, and there is no such run`;
  }
}

function* disagreements(facts: Facts) {
  const runOf = new Map<string, string>();
  for (const { key, run } of accepted(facts)) {
    const first = runOf.get(key) ?? run.id;
    runOf.set(key, first);
    if (run.id !== first) yield `key ${key} was answered with ${first} and with ${run.id}`;
    if (run.idempotencyKey !== key) {
      yield `key ${key} was answered with ${run.id}, whose key is ${run.idempotencyKey}`;
    }
  }
  const orderOf = new Map<string, string>();
  for (const { key, order, answer } of facts.asked) {
    if (answer.kind !== 'accepted') continue;
    const first = orderOf.get(key) ?? JSON.stringify(order);
    orderOf.set(key, first);
    if (JSON.stringify(order) !== first) yield `key ${key} was accepted for two different orders`;
  }
}

function* unasked(facts: Facts) {
  const keys = new Set(facts.asked.map(({ key }) => key));
  for (const { id, idempotencyKey } of facts.runs.values()) {
    if (!keys.has(idempotencyKey)) yield `${id} has the key ${idempotencyKey}, which no client sent`;
  }
  for (const { seq, operation, reference } of facts.ledger) {
    const runId = runIdIn(reference);
    if (!runId || !facts.runs.has(runId))
      yield `effect ${seq}, ${operation} ${reference}, is of no known run`;
  }
}
