import { startTimer, toMs } from '../contract/duration.ts';
import {
  InDoubtError,
  MisconfiguredError,
  RejectedError,
  type StepError,
  ThrottledError,
  UnavailableError,
} from '../contract/errors.ts';
import type { StepCall } from '../contract/step.ts';

/** How one call to the outside ended. */
export type AttemptOutcome<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | { readonly kind: 'rejected'; readonly error: RejectedError }
  | { readonly kind: 'misconfigured'; readonly error: MisconfiguredError }
  | {
      readonly kind: 'retryable';
      readonly wait: 'retry' | 'throttle';
      /** The effect may have happened. */
      readonly inDoubt: boolean;
      /** Nobody was asked. */
      readonly unsent: boolean;
      readonly error: StepError;
      readonly retryAfterMs: number | undefined;
    }
  | { readonly kind: 'bug'; readonly error: unknown }
  /** Nothing is to be recorded. */
  | { readonly kind: 'abandoned'; readonly because: GiveUpReason };

/** The run was taken over (or its lock was lost), or the worker's time to stop is up. */
export type GiveUpReason = 'run_lost' | 'worker_stops';

export interface CallIdentity {
  readonly runId: string;
  readonly generation: number;
  readonly step: string;
  readonly undo: boolean;
  readonly attempt: number;
  readonly startedAt: number;
  /** 1 until a definite no is tried again. */
  readonly keyAttempt: number;
}

/** A step's call. Its key, reference and signal are made only when asked for: most steps use one or two of them. */
class Call implements StepCall {
  readonly #identity: CallIdentity;
  #controller: AbortController | undefined;
  #abortedFor: unknown;
  readonly runId: string;
  readonly generation: number;
  readonly step: string;
  readonly attempt: number;
  readonly startedAt: number;

  constructor(identity: CallIdentity) {
    this.#identity = identity;
    this.runId = identity.runId;
    this.generation = identity.generation;
    this.step = identity.step;
    this.attempt = identity.attempt;
    this.startedAt = identity.startedAt;
  }

  get idempotencyKey(): string {
    const { runId, generation, step, undo, keyAttempt } = this.#identity;
    return `${runId}:${generation}:${step}${undo ? ':undo' : ''}${keyAttempt > 1 ? `:${keyAttempt}` : ''}`;
  }

  get reference(): string {
    return this.idempotencyKey.replaceAll(':', '.');
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#abortedFor !== undefined) this.#controller.abort(this.#abortedFor);
    }
    return this.#controller.signal;
  }

  abort(reason: Error): void {
    this.#abortedFor ??= reason;
    this.#controller?.abort(reason);
  }
}

/** The calls of one run that are under way; all are given up together. */
export class Calls {
  readonly #givingUp = new Set<(because: GiveUpReason) => void>();
  #givenUp: GiveUpReason | undefined;

  /** Calls `fn` and says how it ended, no later than `timeoutMs` after its start. */
  make<T>(
    identity: CallIdentity,
    timeoutMs: number,
    fn: (call: StepCall) => Promise<T>,
  ): Promise<AttemptOutcome<T>> {
    if (this.#givenUp === 'worker_stops') return Promise.resolve(outcomeOf(notStarted(identity.step)));
    if (this.#givenUp) return Promise.resolve({ kind: 'abandoned', because: this.#givenUp });
    const call = new Call(identity);
    return new Promise((resolve) => {
      const end = (outcome: AttemptOutcome<T>) => {
        stopTimer();
        this.#givingUp.delete(giveUp);
        resolve(outcome);
      };
      const giveUp = (because: GiveUpReason) => {
        call.abort(new Error(`step "${identity.step}" was given up: ${because}`));
        end({ kind: 'abandoned', because });
      };
      const stopTimer = startTimer(timeoutMs, () => {
        const error = timedOut(identity.step, timeoutMs);
        call.abort(error);
        end({
          kind: 'retryable',
          wait: 'retry',
          inDoubt: true,
          unsent: false,
          error,
          retryAfterMs: undefined,
        });
      });
      this.#givingUp.add(giveUp);
      try {
        fn(call).then(
          (value) => end({ kind: 'ok', value }),
          (error: unknown) => end(outcomeOf(error)),
        );
      } catch (error) {
        end(outcomeOf(error));
      }
    });
  }

  /** Aborts what is under way; nothing new starts. */
  giveUp(because: GiveUpReason): void {
    this.#givenUp ??= because;
    for (const giveUp of [...this.#givingUp]) giveUp(because);
  }
}

function outcomeOf(error: unknown): Exclude<AttemptOutcome<never>, { kind: 'ok' }> {
  if (error instanceof RejectedError) return { kind: 'rejected', error };
  if (error instanceof MisconfiguredError) return { kind: 'misconfigured', error };
  if (error instanceof UnavailableError) return retryable('retry', false, error);
  if (error instanceof ThrottledError) return retryable('throttle', false, error);
  if (error instanceof InDoubtError) return retryable('retry', true, error);
  return { kind: 'bug', error };
}

function retryable(
  wait: 'retry' | 'throttle',
  inDoubt: boolean,
  error: UnavailableError | ThrottledError | InDoubtError,
): Exclude<AttemptOutcome<never>, { kind: 'ok' }> {
  try {
    return {
      kind: 'retryable',
      wait,
      inDoubt,
      unsent: error instanceof ThrottledError && error.unsent,
      error,
      retryAfterMs: error.retryAfter === undefined ? undefined : toMs(error.retryAfter),
    };
  } catch (badDuration) {
    return { kind: 'bug', error: badDuration };
  }
}

function notStarted(step: string): ThrottledError {
  return new ThrottledError({
    code: 'worker_stops',
    message: `step "${step}" was not started: the worker stops`,
    unsent: true,
  });
}

function timedOut(step: string, timeoutMs: number): InDoubtError {
  return new InDoubtError({
    code: 'step_timeout',
    message: `step "${step}" did not end within ${timeoutMs} ms; whether its effect happened is not known`,
  });
}
