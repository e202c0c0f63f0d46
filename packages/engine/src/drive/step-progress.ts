import { UnavailableError } from '../contract/errors.ts';
import { decideRetry, type RetryPolicyMs } from '../contract/retry-policy.ts';
import type { FailureKind } from '../contract/run.ts';
import type { RejectedRecord, RetryingRecord, StartedRecord } from '../journal/step-record.ts';
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
}

/** @param fresh what a step without a record starts with */
export function standingOf(
  record: RejectedRecord | StartedRecord | RetryingRecord | undefined,
  redrive: number,
  fresh: { readonly seq: number; readonly startedAt: number },
): Standing {
  if (!record) {
    const { seq, startedAt } = fresh;
    return { seq, attempts: 0, startedAt, used: 0, redrive, keyAttempt: 1, inDoubt: false };
  }
  const { seq, attempts, startedAt } = record;
  // a definite no that is tried again, after a redrive: the provider would play it back under the old key
  if (record.kind === 'rejected')
    return { seq, attempts, startedAt, used: 0, redrive, keyAttempt: attempts + 1, inDoubt: false };
  return {
    seq,
    attempts,
    startedAt,
    used: record.budget.redrive === redrive ? record.budget.used : 0,
    redrive,
    keyAttempt: record.keyAttempt,
    inDoubt: record.kind === 'started' || record.inDoubt,
  };
}

/** The record that an attempt is about to start its effect. */
export function intentOf(standing: Standing): StartedRecord {
  const { seq, attempts, startedAt, used, redrive, keyAttempt } = standing;
  return { kind: 'started', seq, attempts: attempts + 1, startedAt, budget: { redrive, used }, keyAttempt };
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
 * @param halts true when a person must say what happened to an effect in doubt
 * @param now Redis' clock
 */
export function afterFailure(
  standing: Standing,
  failed: Failed,
  policy: RetryPolicyMs,
  halts: boolean,
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
  if (failed.kind === 'rejected') {
    return { kind: 'reject', record: { kind: 'rejected', ...common, finishedAt: at.now } };
  }
  const wait = failed.kind === 'bug' ? 'retry' : failed.wait;
  const keySpent = failed.error instanceof UnavailableError && failed.error.keySpent;
  const used = standing.used + (wait === 'throttle' ? 0 : 1);
  const retrying = {
    kind: 'retrying' as const,
    ...common,
    wait,
    // a bug may have been thrown after the effect; and an earlier attempt's doubt outlives an attempt that did nothing
    inDoubt: !keySpent && (failed.kind === 'bug' || failed.inDoubt || standing.inDoubt),
    budget: { redrive: standing.redrive, used },
    keyAttempt: keySpent ? attempts + 1 : standing.keyAttempt,
  };
  if (failed.kind === 'bug') return { kind: 'die', as: 'bug', record: { ...retrying, retryAt: at.now } };
  if (retrying.inDoubt && halts)
    return { kind: 'die', as: 'in_doubt', record: { ...retrying, retryAt: at.now } };
  const decision = decideRetry(
    policy,
    { wait, used, retryAfterMs: failed.retryAfterMs },
    at.random,
    at.scale,
  );
  if (decision.next === 'retry')
    return { kind: 'wait', record: { ...retrying, retryAt: at.now + decision.delayMs } };
  return {
    kind: 'die',
    as: retrying.inDoubt ? 'in_doubt' : 'exhausted',
    record: { ...retrying, retryAt: at.now },
  };
}
