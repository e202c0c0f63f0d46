import type { FlowContract } from '../contract/define-flow.ts';
import { faultsOf, type InputFault } from '../contract/input-faults.ts';
import type { Json } from '../contract/run.ts';
import { encodeJson } from './codec.ts';
import { decodeRecord, encodeRecord } from './step-record.ts';

/** What a person found out about an effect in doubt. */
export type Resolution =
  /** `result` is what the step would have returned. */
  | { readonly step: string; readonly outcome: 'happened'; readonly result?: Json }
  | { readonly step: string; readonly outcome: 'did_not_happen' };

/** What is wrong with the result of what is said to have happened: the flow could not go on with it. */
export function resultFaults(flow: FlowContract | undefined, resolution: Resolution): InputFault[] {
  const { results } = flow ?? {};
  if (resolution.outcome !== 'happened' || !results || !Object.hasOwn(results, resolution.step)) return [];
  const checked = results[resolution.step]?.safeParse(resolution.result);
  return checked?.error?.issues.flatMap((issue) => faultsOf(issue, ['result'])) ?? [];
}

/**
 * The record that takes the place of an effect's in doubt.
 * @param records the run's records by field, encoded
 * @returns undefined when the effect is not in doubt
 */
export function resolvedRecord(
  records: ReadonlyMap<string, string>,
  field: string,
  resolution: Resolution,
): string | undefined {
  const text = records.get(field);
  const record = text === undefined ? undefined : decodeRecord(text);
  const inDoubt = record?.kind === 'started' || (record?.kind === 'retrying' && record.inDoubt);
  if (!record || !inDoubt) return undefined;
  const { attempts, startedAt, budget, keyAttempt } = record;
  if (resolution.outcome === 'happened') {
    const seq = 1 + Math.max(...[...records.values()].map((each) => decodeRecord(each).seq));
    const json = encodeJson(resolution.result, `the result of step "${resolution.step}"`);
    return encodeRecord({ kind: 'completed', seq, attempts, startedAt, finishedAt: startedAt }, json);
  }
  const error = { code: 'did_not_happen', message: 'a person found that it did not happen' };
  return encodeRecord({
    ...{ kind: 'retrying', seq: record.seq, attempts, startedAt, budget, keyAttempt },
    ...{ wait: 'retry', retryAt: 0, inDoubt: false, error },
  });
}
