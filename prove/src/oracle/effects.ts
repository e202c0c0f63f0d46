import { type Effect, isOver, type RunRecord, STEPS } from '../outside/records.ts';
import { count, type Facts, priceOf, type Rule, runsWithEffects } from './facts.ts';

/** What happened outside, against what the runs say. */
export const effectRules: readonly Rule[] = [
  { number: 4, name: 'the money is right', broken: wrongMoney },
  { number: 5, name: 'all of it, or each effect undone once', broken: halfDone },
  { number: 6, name: 'no mail for an order that was refunded', broken: mailsAboutRefunded },
  { number: 8, name: 'effects happen in order, and are undone in reverse', broken: outOfOrder },
  { number: 10, name: "a recorded result is the provider's", broken: otherResults },
];

function* wrongMoney(facts: Facts) {
  for (const [run, effects] of runsWithEffects(facts)) {
    const captured = sum(effects, 'charge');
    const refunded = sum(effects, 'refund');
    if (count(effects, 'charge') > run.generation) {
      yield `${run.id}: captured ${count(effects, 'charge')} times`;
    }
    if (refunded > captured) yield `${run.id}: refunded ${refunded} of ${captured}`;
    const kept = captured - refunded;
    const rightful = rightfullyKept(run, priceOf(facts, run) ?? 0);
    if (rightful && !rightful.includes(kept)) {
      yield `${run.id} is ${run.status}, and ${kept} was kept instead of ${rightful.join(' or ')}`;
    }
  }
}

/** @returns undefined while the run is under way */
function rightfullyKept(run: RunRecord, price: number): readonly number[] | undefined {
  if (run.status === 'completed') return [price];
  if (isOver(run.status)) return [0];
  if (run.status !== 'dead') return undefined;
  switch (run.steps.find(({ name }) => name === 'charge')?.status) {
    case 'completed':
      return run.error?.kind === 'compensation_failed' ? [0, price] : [price];
    case 'in_doubt':
    case 'running':
      return [0, price];
    default:
      return [0];
  }
}

function* halfDone(facts: Facts) {
  for (const [run, effects] of runsWithEffects(facts)) {
    if (!isOver(run.status)) continue;
    for (const { name, effect, undo } of STEPS) {
      const done = count(effects, effect);
      const undone = undo ? count(effects, undo) : 0;
      if (run.status === 'completed') {
        if (!mayBeDone(run, name).includes(done)) yield `${run.id} is completed with ${done} × ${effect}`;
        if (undone !== 0) yield `${run.id} is completed with ${undone} × ${undo}`;
      } else if (undo && done !== undone) {
        yield `${run.id} is ${run.status} with ${done} × ${effect} and ${undone} × ${undo}`;
      } else if (done > 1) {
        yield `${run.id} had ${done} × ${effect}`;
      }
    }
  }
}

/** How often a step of a completed run has happened. */
function mayBeDone({ warnings }: RunRecord, name: string): readonly number[] {
  const warning = warnings.find(({ step }) => step === name);
  if (!warning) return [1];
  return warning.kind === 'in_doubt' ? [0, 1] : [0];
}

function* mailsAboutRefunded(facts: Facts) {
  for (const [run, effects] of runsWithEffects(facts)) {
    if (count(effects, 'refund') > 0 && count(effects, 'send') > 0) yield `${run.id} was refunded and mailed`;
  }
}

function* outOfOrder(facts: Facts) {
  const forward = STEPS.map(({ effect }) => effect);
  const backward = STEPS.flatMap(({ undo }) => undo ?? []).toReversed();
  const expected: readonly string[] = [...forward, ...backward];
  for (const [run, effects] of runsWithEffects(facts)) {
    const operations = effects
      .map(({ operation }) => operation)
      .filter((operation) => expected.includes(operation));
    const sorted = operations.toSorted((a, b) => expected.indexOf(a) - expected.indexOf(b));
    if (operations.join() !== sorted.join()) yield `${run.id}: ${operations.join(', ')}`;
  }
}

function* otherResults(facts: Facts) {
  for (const [run, effects] of runsWithEffects(facts)) {
    if (run.status !== 'completed') continue;
    const of = (operation: string) => effects.find((effect) => effect.operation === operation);
    const real = {
      chargeId: of('charge')?.id,
      reservationId: of('reserve')?.reference,
      trackingNumber: of('label')?.trackingNumber,
      // of one that nobody knows of, nothing is said
      ...(run.warnings.length === 0 && { messageId: of('send')?.messageId }),
    };
    for (const [name, value] of Object.entries(real)) {
      const told = run.output?.[name];
      if (told !== value) yield `${run.id} says ${name} ${told}, its provider ${value}`;
    }
  }
}

function sum(effects: readonly Effect[], operation: string): number {
  return effects
    .filter((effect) => effect.operation === operation)
    .reduce((total, { amount = 0 }) => total + amount, 0);
}
