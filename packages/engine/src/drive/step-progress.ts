import { type RejectedError, UnavailableError } from '../contract/errors.ts';
import { decideRetry, type RetryPolicyMs } from '../contract/retry-policy.ts';
import type { FailureKind } from '../contract/run.ts';
import type { DoubtRule, RejectedRecord, RetryingRecord, StartedRecord } from '../journal/step-record.ts';
import type { AttemptOutcome } from './attempt.ts';
import { toErrorRecord } from './error-codec.ts';

/** Where a step stands before its next attempt. */
export interface Standing {
  readonly seq: number;
  /** Attempts made so far, over all redrives. */
  readonly attempts: number;
  /** Attempts that counted since the last redrive. */
  readonly used: number;
  readonly redrive: number;
  readonly keyAttempt: number;
  readonly startedAt: number;
  /** An earlier attempt's effect may have happened. */
  readonly inDoubt: boolean;
  /** Of a step in doubt: when its last attempt was given up. */
  readonly overAt: number;
  /** All that is left to be done is to ask what came of its attempts. */
  readonly givesUp?: boolean;
}

/** A record that another attempt can follow. */
export type AttemptedRecord = RejectedRecord | StartedRecord | RetryingRecord;

/** @param fresh what a step without a record starts with */
export function standingOf(
  record: AttemptedRecord | undefined,
  redrive: number,
  fresh: { readonly seq: number; readonly startedAt: number },
): Standing {
  if (!record) {
    const { seq, startedAt } = fresh;
    return {
      seq,
      attempts: 0,
      used: 0,
      redrive,
      keyAttempt: 1,
      startedAt,
      inDoubt: false,
      overAt: startedAt,
    };
  }
  const { seq, attempts, startedAt } = record;
  // a definite no that is tried again, after a redrive: the provider would play it back under the old key
  if (record.kind === 'rejected') {
    const afresh = { used: 0, keyAttempt: attempts + 1, inDoubt: false, overAt: record.finishedAt };
    return { seq, attempts, startedAt, redrive, ...afresh };
  }
  return {
    ...{ seq, attempts, startedAt, redrive },
    used: record.budget.redrive === redrive ? record.budget.used : 0,
    keyAttempt: record.keyAttempt,
    inDoubt: record.kind === 'started' || record.inDoubt,
    overAt: record.overAt ?? startedAt,
    givesUp: record.kind === 'retrying' && record.givesUp === true && record.budget.redrive === redrive,
  };
}

/** The record that an attempt is about to start its effect, at `calledAt`. */
export function intentOf(standing: Standing, calledAt: number): StartedRecord {
  const { seq, attempts, startedAt, used, redrive, keyAttempt } = standing;
  return {
    ...{ kind: 'started', seq, attempts: attempts + 1, startedAt, calledAt },
    ...{ budget: { redrive, used }, keyAttempt },
  };
}

/** The record of a step in doubt whose look-up found nothing, too soon to count. */
export function settlingUntil(standing: Standing, step: string, settledAt: number): RetryingRecord {
  const { seq, attempts, startedAt, used, redrive, keyAttempt, overAt, givesUp } = standing;
  const message = `the provider knows nothing of step "${step}" yet; it is asked again when a late request can no longer arrive`;
  return {
    ...{
      kind: 'retrying',
      seq,
      attempts,
      startedAt,
      wait: 'retry',
      retryAt: settledAt,
      inDoubt: true,
      overAt,
    },
    ...{ error: { code: 'settling', kind: 'in_doubt', message }, budget: { redrive, used }, keyAttempt },
    ...{ rule: 'look_up', ...(givesUp && { givesUp }) },
  };
}

export type Failed = Exclude<AttemptOutcome<never>, { kind: 'ok' | 'abandoned' }>;

/** What a failed attempt makes of its step. */
export type NextMove =
  | { readonly kind: 'reject'; readonly record: RejectedRecord }
  | { readonly kind: 'wait'; readonly record: RetryingRecord }
  | {
      readonly kind: 'die';
      readonly as: FailureKind;
      readonly record: RetryingRecord;
    };

/**
 * @param rule what the step does about an effect in doubt
 * @param now Redis' clock
 */
export function afterFailure(
  standing: Standing,
  failed: Failed,
  policy: RetryPolicyMs,
  rule: DoubtRule,
  at: { readonly now: number; readonly random: () => number; readonly scale: number },
): NextMove {
  const made = failed.kind !== 'retryable' || !failed.unsent;
  const attempts = standing.attempts + (made ? 1 : 0);
  const common = {
    seq: standing.seq,
    attempts,
    startedAt: standing.startedAt,
    error: toErrorRecord(failed.error),
  };
  if (failed.kind === 'rejected' && settles(failed.error, standing)) {
    return { kind: 'reject', record: { kind: 'rejected', ...common, finishedAt: at.now } };
  }
  const wait = failed.kind === 'retryable' ? failed.wait : 'retry';
  const keySpent = failed.error instanceof UnavailableError && failed.error.keySpent;
  const used = standing.used + (wait === 'throttle' ? 0 : 1);
  const anew =
    failed.kind === 'bug' ||
    (failed.kind === 'retryable' && failed.inDoubt) ||
    (failed.kind === 'misconfigured' && failed.error.mayHaveHappened);
  // a bug may have been thrown after the effect; and an earlier attempt's doubt outlives an attempt that did nothing
  const inDoubt = !keySpent && (anew || standing.inDoubt);
  const retrying = {
    kind: 'retrying' as const,
    ...common,
    wait,
    inDoubt,
    ...(inDoubt && { overAt: anew ? at.now : standing.overAt, rule }),
    ...(inDoubt && standing.givesUp && { givesUp: true as const }),
    budget: { redrive: standing.redrive, used },
    keyAttempt: keySpent ? attempts + 1 : standing.keyAttempt,
  };
  const dies = (as: FailureKind): NextMove => ({ kind: 'die', as, record: { ...retrying, retryAt: at.now } });
  if (failed.kind === 'bug' || failed.kind === 'misconfigured') return dies(failed.kind);
  if (retrying.inDoubt && rule === 'halt') return dies('in_doubt');
  const retryAfterMs = failed.kind === 'retryable' ? failed.retryAfterMs : undefined;
  const decision = decideRetry(policy, { wait, used, retryAfterMs }, at.random, at.scale);
  if (decision.next === 'exhausted') return dies(retrying.inDoubt ? 'in_doubt' : 'exhausted');
  return { kind: 'wait', record: { ...retrying, retryAt: at.now + decision.delayMs } };
}

/** The record of a step that has no attempt left and is asked once more what came of them. */
export function askedOnce(dead: RetryingRecord, askAt: number): RetryingRecord {
  return { ...dead, retryAt: askAt, givesUp: true };
}

/** The record of a step that has given up, and of which the provider knows nothing: nothing happened. */
export function givenUp(standing: Standing, now: number): RetryingRecord {
  const { seq, attempts, startedAt, used, redrive, keyAttempt } = standing;
  const message = `${attempts} ${attempts === 1 ? 'attempt' : 'attempts'} came to nothing: the provider was asked, and knows of no effect`;
  return {
    ...{
      kind: 'retrying',
      seq,
      attempts,
      startedAt,
      wait: 'retry',
      retryAt: now,
      inDoubt: false,
      keyAttempt,
    },
    ...{ error: { code: 'gave_up', kind: 'unavailable', message }, budget: { redrive, used } },
  };
}

/** True when a refusal is the step's outcome: nothing was in doubt, or it says what came of that too. */
function settles(refusal: RejectedError, standing: Standing): boolean {
  return !standing.inDoubt || refusal.settlesDoubt;
}
