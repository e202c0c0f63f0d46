import type { ErrorRecord } from '../contract/run.ts';
import type { NextAction } from '../contract/step.ts';

interface RecordCommon {
  /** Position in the journal, from 1: of the record that ended it, else of the first. Replay keeps the order of the ends. */
  readonly seq: number;
  /** Attempts begun so far, over all redrives. */
  readonly attempts: number;
  readonly startedAt: number;
}

/** Attempts that counted since the last redrive: what the retry policy goes by. */
export interface Budget {
  readonly redrive: number;
  readonly used: number;
}

export type CompletedRecord = RecordCommon & {
  readonly kind: 'completed';
  readonly finishedAt: number;
  /** Absent when there was none. */
  readonly result?: unknown;
  /** Of a wait: the id of the signal that ended it. */
  readonly signal?: string;
  /** Of a step or child run: it has no undo. Absent where it has one, or where 0.1 or a person recorded it. */
  readonly undo?: false;
  /** Of an undo: it found that the effect cannot be taken back. */
  readonly stands?: true;
  /** A person said so. */
  readonly answered?: true;
};

export type RejectedRecord = RecordCommon & {
  readonly kind: 'rejected';
  readonly finishedAt: number;
  readonly error: ErrorRecord;
  /** Of a wait: the id of the signal that ended it. */
  readonly signal?: string;
  /** The step was optional: a warning, and the flow goes on without its result. */
  readonly optional?: true;
};

/** An attempt may have started its effect, and its outcome is not known. */
export type StartedRecord = RecordCommon & {
  readonly kind: 'started';
  readonly budget: Budget;
  readonly keyAttempt: number;
  /** When the attempt began; absent in what 0.1 recorded. */
  readonly calledAt?: number;
  /** What its step does about a doubt; absent where that was not known to who wrote it. */
  readonly rule?: DoubtRule;
  /** When whoever made the attempt had given it up; absent where the intent was written and nothing came after it. */
  readonly overAt?: number;
};

/** What a step does about a doubt: it does it again under the same key, asks its provider first, or leaves it to a person. */
export type DoubtRule = 'repeat' | 'look_up' | 'halt';

/** The last attempt failed. `inDoubt`: its effect may have happened. */
export type RetryingRecord = RecordCommon & {
  readonly kind: 'retrying';
  readonly wait: 'retry' | 'throttle';
  readonly retryAt: number;
  readonly inDoubt: boolean;
  /** Of an attempt in doubt: when it was given up. */
  readonly overAt?: number;
  /** Of an attempt in doubt. */
  readonly rule?: DoubtRule;
  /** Its attempts are used up: it is asked once more what came of them, and that is the end. */
  readonly givesUp?: true;
  readonly error: ErrorRecord;
  readonly budget: Budget;
  readonly keyAttempt: number;
};

/** A timer, or a wait for a signal; without `until` it has no end of its own. Or a change of state that was made, and not given to the flow yet. */
export type WaitingRecord = RecordCommon & {
  readonly kind: 'waiting';
  readonly until?: number;
  readonly nextAction?: NextAction;
  /** Of a change of state. */
  readonly outcome?: 'set' | 'conflict';
};

/** What the journal says about one step, undo, timer or wait. Times are Unix milliseconds on Redis' clock. */
export type StepRecord = CompletedRecord | RejectedRecord | StartedRecord | RetryingRecord | WaitingRecord;

export type FinalRecord = CompletedRecord | RejectedRecord;
export type OpenRecord = Exclude<StepRecord, FinalRecord>;

/** `kind` stands first: the scripts tell a final record by its first characters. The result is not serialized a second time. */
export function encodeRecord(record: StepRecord, resultJson?: string): string {
  if (record.kind !== 'completed') {
    const { kind, ...rest } = record;
    return JSON.stringify({ kind, ...rest });
  }
  const { seq, attempts, startedAt, finishedAt, signal, undo, stands, answered } = record;
  const head = `{"kind":"completed","seq":${seq},"attempts":${attempts},"startedAt":${startedAt},"finishedAt":${finishedAt}`;
  const by = signal === undefined ? '' : `,"signal":${JSON.stringify(signal)}`;
  const marks = `${by}${undo === undefined ? '' : ',"undo":false'}${stands ? ',"stands":true' : ''}${answered ? ',"answered":true' : ''}`;
  return resultJson === undefined ? `${head}${marks}}` : `${head}${marks},"result":${resultJson}}`;
}

export function decodeRecord(text: string): StepRecord {
  return JSON.parse(withKind(text)) as StepRecord;
}

/** Records and events written by 0.1 say `is` where later ones say `kind`. */
export function withKind(text: string): string {
  return text.startsWith('{"is":') ? `{"kind":${text.slice(6)}` : text;
}

export function isFinal(record: StepRecord): record is FinalRecord {
  return record.kind === 'completed' || record.kind === 'rejected';
}

/** True when what the record is about was begun, and nobody knows yet what came of it. */
export function isInDoubt(record: StepRecord): boolean {
  return (
    record.kind === 'started' || record.kind === 'waiting' || (record.kind === 'retrying' && record.inDoubt)
  );
}
