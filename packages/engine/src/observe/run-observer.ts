import { InDoubtError, ThrottledError } from '../contract/errors.ts';
import type { Failure } from '../contract/run.ts';
import type { AttemptOutcome } from '../drive/attempt.ts';

/** What came of one call that a run made. */
export interface ObservedCall {
  readonly flow: string;
  readonly step: string;
  /** The step's effect, its undo, or the question whether it happened. */
  readonly what: 'run' | 'undo' | 'look_up';
  /** As the step said it, by what it returned or threw. */
  readonly outcome: 'ok' | 'rejected' | 'misconfigured' | 'unavailable' | 'throttled' | 'in_doubt' | 'bug';
  readonly durationMs: number;
}

/** How a run ended, or died. */
export type ObservedEnd = {
  readonly flow: string;
  /** Since the run was accepted. */
  readonly durationMs: number;
} & (
  | { readonly status: 'completed' | 'failed' | 'cancelled' }
  | { readonly status: 'dead'; readonly kind: Failure['kind']; readonly code: string }
);

/** Told what this worker's runs come to, for metrics. It is called between two steps: it must be quick, and must not throw. */
export interface RunObserver {
  called?(call: ObservedCall): void;
  ended?(end: ObservedEnd): void;
  /** A run was taken up. @param waitedMs since it was accepted, when this is its first time. @param takenOver another worker had it and did not let go */
  claimed?(claim: {
    readonly flow: string;
    readonly waitedMs: number | undefined;
    readonly takenOver: boolean;
  }): void;
}

/** @returns undefined for a call that was given up: nothing is known of it */
export function observedOutcome(outcome: AttemptOutcome<unknown>): ObservedCall['outcome'] | undefined {
  switch (outcome.kind) {
    case 'abandoned':
      return undefined;
    case 'retryable':
      if (outcome.error instanceof InDoubtError) return 'in_doubt';
      return outcome.error instanceof ThrottledError ? 'throttled' : 'unavailable';
    default:
      return outcome.kind;
  }
}
