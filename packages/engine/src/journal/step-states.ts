import {
  isTerminal,
  type Run,
  type StepState,
  type UndoState,
  type WaitState,
  type Warning,
} from '../contract/run.ts';
import { callbackOfSignal, keyOf, parseField, signalOfWait, undoFieldOf } from './identity.ts';
import { type CompletedRecord, isInDoubt, type StepRecord } from './step-record.ts';

/** What a run's journal holds, by field. */
type Records = ReadonlyMap<string, StepRecord>;

interface Of {
  readonly runId: string;
  readonly generation: number;
}

/** Steps and child runs, in the order of their start. */
export function stepStates(records: Records, run: Run['status'], of: Of): StepState[] {
  return [...records]
    .flatMap(([field, record]) => {
      const at = parseField(field);
      if (at?.kind !== 'step' && at?.kind !== 'child') return [];
      const undo = records.get(undoFieldOf(field));
      return [{ seq: record.seq, state: stepState(at.name, record, undo, run, of) }];
    })
    .sort((a, b) => a.state.startedAt - b.state.startedAt || a.seq - b.seq)
    .map(({ state }) => state);
}

/** Optional steps that came to nothing, in the order of their start. */
export function warningsOf(records: Records): Warning[] {
  return [...records]
    .flatMap(([field, record]) => {
      const at = parseField(field);
      if (at?.kind !== 'step' || record.kind !== 'rejected' || !record.optional) return [];
      const { code, message, kind = 'rejected' } = record.error;
      return [{ startedAt: record.startedAt, warning: { step: at.name, code, message, kind } }];
    })
    .sort((a, b) => a.startedAt - b.startedAt)
    .map(({ warning }) => warning);
}

function stepState(
  name: string,
  record: StepRecord,
  undo: StepRecord | undefined,
  run: Run['status'],
  of: Of,
): StepState {
  const { attempts, startedAt } = record;
  const key = keyOf({ ...of, step: name, undo: false, keyAttempt: keyAttemptOf(record) });
  const answered = record.kind === 'completed' && record.answered && { answered: true as const };
  const at = { name, attempts, startedAt, key, ...answered };
  switch (record.kind) {
    case 'completed':
      if (!undo || (undo.kind === 'completed' && undo.stands))
        return { ...at, status: 'completed', finishedAt: record.finishedAt };
      if (undo.kind === 'completed')
        return {
          ...at,
          status: 'compensated',
          finishedAt: undo.finishedAt,
          undo: undoState(name, undo, record, of),
        };
      return {
        ...{ ...at, status: 'completed', finishedAt: record.finishedAt },
        undo: undoState(name, undo, record, of),
        ...('error' in undo && { error: undo.error }),
      };
    case 'rejected':
      return { ...at, status: 'failed', finishedAt: record.finishedAt, error: record.error };
    case 'waiting':
      return { ...at, status: 'waiting' };
    case 'started':
      return run === 'running'
        ? { ...at, status: 'running' }
        : { ...at, status: 'in_doubt', ...(record.rule && { whenInDoubt: record.rule }) };
    case 'retrying': {
      return {
        ...{ ...at, status: record.inDoubt ? 'in_doubt' : notDone(run), error: record.error },
        ...(record.inDoubt && record.rule && { whenInDoubt: record.rule }),
      };
    }
  }
}

/** A step whose last attempt had no effect. */
function notDone(run: Run['status']): StepState['status'] {
  if (isTerminal(run) || run === 'compensating' || run === 'dead') return 'failed';
  return run === 'running' ? 'running' : 'waiting';
}

function keyAttemptOf(record: StepRecord): number | undefined {
  return 'keyAttempt' in record ? record.keyAttempt : undefined;
}

function undoState(step: string, undo: StepRecord, done: CompletedRecord, of: Of): UndoState {
  const { attempts, startedAt } = undo;
  const key = keyOf({ ...of, step, undo: true, keyAttempt: keyAttemptOf(undo) });
  const finishedAt = undo.kind === 'completed' ? { finishedAt: undo.finishedAt } : {};
  return {
    ...{ attempts, startedAt, ...finishedAt, doneAt: done.finishedAt, key },
    ...(undo.kind === 'completed' && undo.answered && { answered: true as const }),
    ...(isInDoubt(undo) && { inDoubt: true as const }),
  };
}

/** Timers, and waits for signals and callbacks, in the order of their start. */
export function waitStates(records: Records): WaitState[] {
  return [...records]
    .flatMap(([field, record]): (WaitState & { readonly seq: number })[] => {
      const at = parseField(field);
      if (at?.kind !== 'timer' && at?.kind !== 'wait') return [];
      const { seq, startedAt } = record;
      // a wait's field counts how often the flow has waited for its signal
      const callback = at.kind === 'wait' ? callbackOfSignal(at.name) : undefined;
      const name = callback ?? (at.kind === 'timer' ? at.name : signalOfWait(at.name));
      const kind = at.kind === 'timer' ? 'timer' : callback === undefined ? 'signal' : 'callback';
      const until = 'until' in record && record.until !== undefined && { until: record.until };
      const finishedAt = 'finishedAt' in record && { finishedAt: record.finishedAt };
      const nextAction = record.kind === 'waiting' && record.nextAction && { nextAction: record.nextAction };
      return [{ kind, name, startedAt, ...until, ...finishedAt, ...nextAction, seq }];
    })
    .sort((a, b) => a.startedAt - b.startedAt || a.seq - b.seq)
    .map(({ seq: _, ...wait }) => wait);
}
