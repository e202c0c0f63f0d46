import { type Effect, isOver, type RunRecord, stepsOf } from '../outside/records.ts';
import { amounts, count, type Facts, generations, groupBy, type Rule, runsWithEffects } from './facts.ts';

/**
 * A run's first step has no record before its call. A worker that had the run when it was cancelled, and waited for its turn at the provider,
 * calls all the same, and undoes what it did.
 */
const FIRST_CALL_LATE_BY_MS = 3_000;

/** What happened outside, against what the runs say. */
export const effectRules: readonly Rule[] = [
  { number: 4, name: 'the money is right', broken: wrongMoney },
  { number: 4, name: 'no charge is paid back more than once', broken: overRefunded },
  { number: 5, name: 'all of it, or each effect undone once', broken: halfDone },
  { number: 6, name: 'no mail for an order that was refunded', broken: mailsAboutRefunded },
  { number: 8, name: 'effects happen in order, and are undone in reverse', broken: outOfOrder },
  { number: 20, name: 'nothing begins after a cancel was accepted', broken: begunAfterCancel },
  { number: 21, name: 'no money stands from a generation that ended before', broken: leftByEarlier },
  { number: 10, name: "a recorded result is the provider's", broken: otherResults },
];

function* wrongMoney(facts: Facts) {
  const amountOf = amounts(facts);
  for (const [run, effects] of runsWithEffects(facts)) {
    const price = amountOf.get(run.idempotencyKey) ?? 0;
    const captured = sum(effects, 'charge');
    const refunded = sum(effects, 'refund');
    if (run.flow === 'refund') {
      const right = run.status === 'completed' ? [price] : isOver(run.status) ? [0] : [0, price];
      if (!right.includes(refunded)) {
        yield `${run.id} is ${run.status}, and ${refunded} was paid back instead of ${right.join(' or ')}`;
      }
      continue;
    }
    if (count(effects, 'charge') > 1) yield `${run.id}: captured ${count(effects, 'charge')} times`;
    if (refunded > captured) yield `${run.id}: refunded ${refunded} of ${captured}`;
    const kept = captured - refunded;
    const rightful = rightfullyKept(run, price);
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

function* overRefunded({ ledger }: Facts) {
  const captured = new Map(
    ledger.map(({ id = '', operation, amount = 0 }) => [id, operation === 'charge' ? amount : 0]),
  );
  const refunds = ledger.filter(({ operation }) => operation === 'refund');
  for (const [intent, effects] of groupBy(refunds, ({ paymentIntent = '' }) => paymentIntent)) {
    const refunded = sum(effects, 'refund');
    const taken = captured.get(intent) ?? 0;
    if (intent !== '' && refunded > taken) {
      const from = effects.map(({ reference }) => reference).join(', ');
      yield `of the charge ${intent}, ${taken} was taken and ${refunded} paid back, by ${from}`;
    }
  }
}

/** People start afresh what has failed or was cancelled, never what stands. */
function* leftByEarlier(facts: Facts) {
  for (const { run, generation, effects } of generations(facts)) {
    if (generation === run.generation) continue;
    for (const { effect, undo } of stepsOf(run)) {
      const [done, undone] = [count(effects, effect), undo ? count(effects, undo) : 0];
      if (undo && done !== undone) {
        yield `${run.id}: its generation ${generation} left ${done} × ${effect} and ${undone} × ${undo}`;
      }
    }
  }
}

function* begunAfterCancel(facts: Facts) {
  for (const { kind, runId, at, status, generation } of facts.acts) {
    const run = facts.runs.get(runId);
    if (kind !== 'cancel' || status !== 202 || !run || run.generation !== generation) continue;
    for (const { name, effect } of stepsOf(run)) {
      const began = beganAt(facts, run, name, effect);
      const late = name === stepsOf(run)[0]?.name ? FIRST_CALL_LATE_BY_MS : 0;
      if (began === undefined || Math.min(began.called, began.recorded) <= at + late) continue;
      const forgotten = facts.promotions.some((then) => run.createdAt < then && then < began.called);
      if (!forgotten)
        yield `${runId}: ${name} was first called ${began.called - at} ms after a cancel was accepted`;
    }
  }
}

/**
 * When a step was first called, and when it began by its record: a call may have been on its way from a worker that stood still.
 * Undefined when it never was. Mails are seen by their effect alone.
 */
function beganAt(
  { calls, ledger }: Facts,
  { id, generation, steps }: RunRecord,
  name: string,
  effect: string,
): { readonly called: number; readonly recorded: number } | undefined {
  const recorded = steps.find((step) => step.name === name)?.startedAt;
  const key = `${id}:${generation}:${name}`;
  const own = calls.filter((call) => call.operation === effect && call.key?.startsWith(key));
  const mails = ledger.filter(
    ({ operation, reference }) => operation === 'send' && effect === 'send' && reference.includes(id),
  );
  const first = Math.min(...own.map(({ at }) => at), ...mails.map(({ at }) => at));
  return Number.isFinite(first) && recorded !== undefined ? { called: first, recorded } : undefined;
}

function* halfDone(facts: Facts) {
  for (const [run, effects] of runsWithEffects(facts)) {
    if (!isOver(run.status)) continue;
    for (const { name, effect, undo } of stepsOf(run)) {
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
    const unknown = run.status === 'completed' || doubted(run, 'email') || wasCancelled(facts, run);
    if (unknown) continue;
    if (count(effects, 'refund') > 0 && count(effects, 'send') > 0) yield `${run.id} was refunded and mailed`;
  }
}

function* outOfOrder(facts: Facts) {
  for (const [run, effects] of runsWithEffects(facts)) {
    const steps = stepsOf(run);
    const backward = steps.flatMap(({ undo }) => undo ?? []).toReversed();
    const expected = [...steps.map(({ effect }) => effect), ...backward];
    const operations = effects
      .map(({ operation }) => operation)
      .filter((operation) => expected.includes(operation));
    const sorted = operations.toSorted((a, b) => expected.indexOf(a) - expected.indexOf(b));
    if (operations.join() !== sorted.join()) yield `${run.id}: ${operations.join(', ')}`;
  }
}

function* otherResults(facts: Facts) {
  for (const [run, effects] of runsWithEffects(facts)) {
    if (run.status !== 'completed' || run.flow === 'refund') continue;
    const of = (operation: string) => effects.find((effect) => effect.operation === operation);
    const real = {
      chargeId: of('charge')?.id,
      ...(run.flow === 'order' && goods(run, of)),
    };
    for (const [name, value] of Object.entries(real)) {
      const told = run.output?.[name];
      if (told !== value) yield `${run.id} says ${name} ${told}, its provider ${value}`;
    }
  }
}

function goods(run: RunRecord, of: (operation: string) => Effect | undefined) {
  return {
    reservationId: of('reserve')?.reference,
    trackingNumber: of('label')?.trackingNumber,
    // of one that nobody knows of, nothing is said
    ...(run.warnings.length === 0 && { messageId: of('send')?.messageId }),
  };
}

function doubted(run: RunRecord, name: string): boolean {
  const step = run.steps.find((each) => each.name === name);
  return (
    step?.status === 'in_doubt' || run.warnings.some((each) => each.step === name && each.kind === 'in_doubt')
  );
}

/** A mail may have been under way when somebody cancelled; that nothing began later is another rule's. */
function wasCancelled({ acts }: Facts, { id }: RunRecord): boolean {
  return acts.some(({ kind, runId }) => kind === 'cancel' && runId === id);
}

function sum(effects: readonly Effect[], operation: string): number {
  return effects
    .filter((effect) => effect.operation === operation)
    .reduce((total, { amount = 0 }) => total + amount, 0);
}
