import type { CallEvent, CallOutcome } from '../contract/call.ts';
import type { ErrorRecord } from '../contract/run.ts';
import { keyOf } from './identity.ts';
import { withKind } from './step-record.ts';

/** A call as the journal keeps it: the key follows from the rest. */
export type CallRecord = Omit<CallEvent, 'key'> & {
  /** Absent for the first. */
  readonly keyAttempt?: number;
};

/** What 0.1 kept, of attempts that failed only, a look-up in the place of its attempt. */
interface AttemptFailed {
  readonly kind: 'attempt_failed';
  readonly at: number;
  readonly step: string;
  readonly undo: boolean;
  readonly attempt: number;
  readonly startedAt: number;
  readonly until?: number;
  readonly unsent?: true;
  readonly error: Pick<ErrorRecord, 'code' | 'message' | 'kind'>;
}

const CALL = 'h:k:';
const OLD_CALL = /^h:([su]):(.*):\d+$/s;

/** Where the calls of a step, or of its undo, are kept. */
export function callsOf(step: string, undo: boolean): string {
  return `${CALL}${undo ? 'u' : 's'}:${step}:`;
}

/** How many calls were not kept at all: the run's history was full. */
export const CUT_FIELD = 'h:cut';

/** @returns undefined for a field that holds something else */
export function decodeCall(
  field: string,
  text: string,
  run: { readonly runId: string; readonly generation: number },
): CallEvent | undefined {
  if (field.startsWith(CALL)) {
    const { keyAttempt, ...call } = JSON.parse(text) as CallRecord;
    return { ...call, key: keyOf({ ...run, ...call, undo: call.what === 'undo', keyAttempt }) };
  }
  if (!OLD_CALL.test(field)) return undefined;
  const { step, undo, attempt, startedAt, at, until, unsent, error } = JSON.parse(
    withKind(text),
  ) as AttemptFailed;
  const what = undo ? 'undo' : error.code === 'look_up_unknown' ? 'look_up' : 'run';
  return {
    ...{ kind: 'call', what, step, n: attempt, attempt, startedAt, at, outcome: outcomeOf(error.kind) },
    key: keyOf({ ...run, step, undo }),
    ...(unsent && { putOff: true, sent: false }),
    ...(until !== undefined && { until }),
    error,
  };
}

/** The name of the step whose call, of whatever version, a field holds. */
export function hasCallsOf(field: string, step: string, undo: boolean): boolean {
  if (field.startsWith(callsOf(step, undo))) return /^\d+$/.test(field.slice(callsOf(step, undo).length));
  const [, kind, name] = OLD_CALL.exec(field) ?? [];
  return name === step && kind === (undo ? 'u' : 's');
}

const OUTCOMES: readonly string[] = ['rejected', 'misconfigured', 'unavailable', 'throttled', 'in_doubt'];

function outcomeOf(kind: string | undefined): CallOutcome {
  return kind !== undefined && OUTCOMES.includes(kind) ? (kind as CallOutcome) : 'bug';
}
