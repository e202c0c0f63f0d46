import { createHash } from 'node:crypto';
import type { FlowContract } from '../contract/define-flow.ts';
import { faultsOf, type InputFault } from '../contract/input-faults.ts';
import type { Failure, Json } from '../contract/run.ts';
import { encodeJson } from './codec.ts';
import { fieldOf, isEffectField, parseField, undoFieldOf } from './identity.ts';
import type { Answer, Whereabouts } from './journal.ts';
import { decodeRecord, encodeRecord, isInDoubt, type StepRecord } from './step-record.ts';

/** What a person found out about an effect in doubt, or about the undo of one that happened. */
export type Resolution =
  /** `result` is what the step would have returned. */
  | { readonly step: string; readonly outcome: 'happened'; readonly result?: Json }
  | { readonly step: string; readonly outcome: 'did_not_happen' }
  /** It was undone, by the run or by hand. A run that went forward until now is cancelled. */
  | { readonly step: string; readonly outcome: 'undone' }
  /** An undo in doubt was not done: it is done again. */
  | { readonly step: string; readonly outcome: 'not_undone' };

type Records = ReadonlyMap<string, StepRecord>;

/** What is wrong with the result of what is said to have happened: the flow could not go on with it. */
export function resultFaults(flow: FlowContract | undefined, resolution: Resolution): InputFault[] {
  const { results } = flow ?? {};
  if (resolution.outcome !== 'happened' || !results || !Object.hasOwn(results, resolution.step)) return [];
  const checked = results[resolution.step]?.safeParse(resolution.result);
  return checked?.error ? faultsOf(checked.error, ['result']) : [];
}

/** The same for the same answer to the same death of a run. */
export function answerToken(run: Pick<Whereabouts, 'deaths'>, resolution: Resolution): string {
  const { step, outcome } = resolution;
  const result = 'result' in resolution ? resolution.result : null;
  const text = JSON.stringify([run.deaths, step, outcome, result]);
  return createHash('sha256').update(text).digest('base64url');
}

/**
 * What a person's answer makes of a dead run.
 * @param texts the run's records by field, encoded
 * @param run `knowsFlow`: the run's flow is registered, so that it could go on
 * @returns undefined when there is nothing of that kind to answer
 */
export function answerOf(
  run: Whereabouts & { readonly knowsFlow: boolean },
  texts: ReadonlyMap<string, string>,
  resolution: Resolution,
  now: number,
): Answer | undefined {
  const records = decoded(texts);
  const place = placeOf(records, resolution, run.lost);
  if (!place) return undefined;
  const { field, record } = place;
  const answer = { seq: 1 + Math.max(0, ...[...records.values()].map(({ seq }) => seq)), now };
  const { step, outcome } = resolution;
  return {
    step,
    outcome,
    field,
    seen: texts.get(field) ?? '',
    record: recordOf(resolution, record, answer),
    token: answerToken(run, resolution),
    goesOn: run.knowsFlow && !diesAgain(run.death),
    cancels: resolution.outcome === 'undone',
    provesPresent: resolution.outcome === 'did_not_happen',
  };
}

/** The steps and child runs of which a person must still say what became of them before the run can be ended without its flow. */
export function unanswered(records: Records): string[] {
  return [...records].flatMap(([field, record]) => {
    const name = parseField(field)?.name;
    if (!isEffectField(field) || name === undefined) return [];
    const undone = records.get(undoFieldOf(field))?.kind === 'completed';
    const stands = record.kind === 'completed' && record.undo !== false && !undone;
    return stands || isInDoubt(record) ? [name] : [];
  });
}

export function decoded(texts: ReadonlyMap<string, string>): Map<string, StepRecord> {
  return new Map([...texts].map(([field, text]) => [field, decodeRecord(text)]));
}

/** Its reason to be dead would only kill it again: it waits for other code, or for an end without its flow. */
function diesAgain(death: Failure | undefined): boolean {
  return death?.kind === 'incompatible_flow' || death?.kind === 'poison';
}

/** The record that the answer is about. */
function placeOf(
  records: Records,
  { step, outcome }: Resolution,
  lost: boolean,
): { readonly field: string; readonly record: StepRecord | undefined } | undefined {
  const fields = [fieldOf('step', step), fieldOf('child', step)];
  const field = fields.find((each) => records.has(each));
  const record = field === undefined ? undefined : records.get(field);
  switch (outcome) {
    case 'happened':
    case 'did_not_happen':
      // a run that was lost, and not looked at since, may have done what is not recorded
      if (field === undefined) return lost ? { field: fieldOf('step', step), record: undefined } : undefined;
      return record && isInDoubt(record) ? { field, record } : undefined;
    case 'undone':
    case 'not_undone': {
      if (field === undefined || record?.kind !== 'completed') return undefined;
      const undoField = undoFieldOf(field);
      const undo = records.get(undoField);
      const open = outcome === 'undone' ? undo?.kind !== 'completed' : undo && isInDoubt(undo);
      return open ? { field: undoField, record: undo } : undefined;
    }
  }
}

function recordOf(
  resolution: Resolution,
  before: StepRecord | undefined,
  { seq, now }: { readonly seq: number; readonly now: number },
): string {
  const { attempts, startedAt } = before ?? { attempts: 1, startedAt: now };
  const { step, outcome } = resolution;
  if (outcome === 'happened' || outcome === 'undone') {
    const json =
      outcome === 'happened' ? encodeJson(resolution.result, `the result of step "${step}"`) : undefined;
    return encodeRecord(
      { kind: 'completed', seq, attempts, startedAt, finishedAt: now, answered: true },
      json,
    );
  }
  const { budget, keyAttempt } =
    before && 'budget' in before ? before : { budget: { redrive: 0, used: 0 }, keyAttempt: 1 };
  const not = outcome === 'did_not_happen' ? 'it did not happen' : 'it was not undone';
  const error = { code: outcome, message: `a person found that ${not}` };
  return encodeRecord({
    ...{ kind: 'retrying', seq: before?.seq ?? seq, attempts, startedAt, budget, keyAttempt },
    ...{ wait: 'retry', retryAt: 0, inDoubt: false, error },
  });
}
