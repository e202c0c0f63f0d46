import type { ErrorRecord } from '../run.ts';

interface RecordCommon {
  /** Position in the order in which the run's steps were first recorded, from 1. */
  readonly seq: number;
  /** Attempts begun so far, over all redrives. */
  readonly attempts: number;
  readonly startedAt: number;
}

/** The attempt's number after the last redrive: what the retry policy counts. */
interface Budget {
  readonly redrive: number;
  readonly used: number;
}

/** What the journal says about one step, or about its undo. Times are Unix milliseconds on Redis' clock. */
export type StepRecord =
  /** `result` is absent when the step returned nothing. */
  | (RecordCommon & { readonly is: 'completed'; readonly finishedAt: number; readonly result?: unknown })
  | (RecordCommon & { readonly is: 'rejected'; readonly finishedAt: number; readonly error: ErrorRecord })
  /** An attempt was about to start its effect, and its outcome was not recorded yet. */
  | (RecordCommon & { readonly is: 'started'; readonly budget: Budget; readonly keyAttempt: number })
  /** The last attempt failed. `inDoubt`: its effect may have happened. */
  | (RecordCommon & {
      readonly is: 'retrying';
      readonly wait: 'retry' | 'throttle';
      readonly retryAt: number;
      readonly inDoubt: boolean;
      readonly error: ErrorRecord;
      readonly budget: Budget;
      readonly keyAttempt: number;
    });

const STEP = 's:';
const UNDO = 'u:';

export type RecordKind = 'step' | 'undo';

export function fieldOf(kind: RecordKind, step: string): string {
  return (kind === 'step' ? STEP : UNDO) + step;
}

/** @returns undefined when the field holds no step record. */
export function parseField(field: string): { readonly kind: RecordKind; readonly step: string } | undefined {
  if (field.startsWith(STEP)) return { kind: 'step', step: field.slice(STEP.length) };
  if (field.startsWith(UNDO)) return { kind: 'undo', step: field.slice(UNDO.length) };
  return undefined;
}

/** `is` stands first: the scripts tell a final record by its first characters. */
export function encodeRecord(record: StepRecord, resultJson?: string): string {
  const { is, ...rest } = record;
  if (record.is !== 'completed') return JSON.stringify({ is, ...rest });
  const { seq, attempts, startedAt, finishedAt } = record;
  const head = `{"is":"completed","seq":${seq},"attempts":${attempts},"startedAt":${startedAt},"finishedAt":${finishedAt}`;
  return resultJson === undefined ? `${head}}` : `${head},"result":${resultJson}}`;
}

export function decodeRecord(text: string): StepRecord {
  return JSON.parse(text) as StepRecord;
}

export function isFinal(record: StepRecord): record is Extract<StepRecord, { is: 'completed' | 'rejected' }> {
  return record.is === 'completed' || record.is === 'rejected';
}
