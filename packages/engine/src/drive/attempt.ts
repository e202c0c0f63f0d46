import { AsyncLocalStorage } from 'node:async_hooks';
import type { RequestSeen } from '../contract/call.ts';
import { startTimer, toMs } from '../contract/duration.ts';
import {
  InDoubtError,
  type MisconfiguredError,
  type RejectedError,
  type StepError,
  ThrottledError,
  type UnavailableError,
} from '../contract/errors.ts';
import { type Classify, failureOf, isMistake } from '../contract/failures/failure-of.ts';
import type { HoldfastFailure } from '../contract/failures/shape.ts';
import type { StepCall } from '../contract/step.ts';
import { keyOf, referenceOf } from '../journal/identity.ts';
import { toErrorRecord } from './error-codec.ts';

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
  readonly trace: string | undefined;
  /** 1 until a definite no is tried again. */
  readonly keyAttempt: number;
}

/** So many of a call's first requests, and of its last. */
const KEPT_REQUESTS = 4;

/** A step's call. Its key, reference and signal are made only when asked for: most steps use one or two of them. */
class Call implements StepCall {
  readonly #identity: CallIdentity;
  readonly #requests: RequestSeen[];
  #controller: AbortController | undefined;
  #abortedFor: unknown;
  readonly runId: string;
  readonly generation: number;
  readonly step: string;
  readonly attempt: number;
  readonly startedAt: number;
  readonly trace: string | undefined;

  constructor(identity: CallIdentity, requests: RequestSeen[]) {
    this.#identity = identity;
    this.#requests = requests;
    this.runId = identity.runId;
    this.generation = identity.generation;
    this.step = identity.step;
    this.attempt = identity.attempt;
    this.startedAt = identity.startedAt;
    this.trace = identity.trace;
  }

  get idempotencyKey(): string {
    return keyOf(this.#identity);
  }

  get reference(): string {
    return referenceOf(this.idempotencyKey);
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#abortedFor !== undefined) this.#controller.abort(this.#abortedFor);
    }
    return this.#controller.signal;
  }

  seen(request: RequestSeen): void {
    this.#requests.push(request);
    // of many, the first and the last are kept
    if (this.#requests.length > 2 * KEPT_REQUESTS) this.#requests.splice(KEPT_REQUESTS, 1);
  }

  abort(reason: Error): void {
    this.#abortedFor ??= reason;
    this.#controller?.abort(reason);
  }
}

/** Of whatever a step's function does, also after an await: whose calls it belongs to, and which step it is. */
const within = new AsyncLocalStorage<{ readonly calls: Calls; readonly step: string }>();

/** The calls of one run that are under way; all are given up together. */
export class Calls {
  readonly #givingUp = new Set<(because: GiveUpReason) => void>();
  readonly #classify: Classify | undefined;
  #givenUp: GiveUpReason | undefined;

  /** @param classify tried first on what a step throws */
  constructor(classify?: Classify) {
    this.#classify = classify;
  }

  /** The step whose function asks, before or after an await: it may not use the flow's context. */
  get calling(): string | undefined {
    const at = within.getStore();
    return at?.calls === this ? at.step : undefined;
  }

  /**
   * Calls `fn` and says how it ended, `timeoutMs` after its start at the latest.
   * @param requests takes the requests that the call notes
   */
  make<T>(
    identity: CallIdentity,
    timeoutMs: number,
    fn: (call: StepCall) => T | Promise<T>,
    requests: RequestSeen[] = [],
  ): Promise<AttemptOutcome<T>> {
    if (this.#givenUp === 'worker_stops')
      return Promise.resolve(outcomeOf(notStarted(identity.step), undefined));
    if (this.#givenUp) return Promise.resolve({ kind: 'abandoned', because: this.#givenUp });
    const call = new Call(identity, requests);
    return new Promise((resolve) => {
      let over = false;
      const isOver = () => {
        if (over) return true;
        over = true;
        stopTimer();
        this.#givingUp.delete(giveUp);
        return false;
      };
      const end = (outcome: AttemptOutcome<T>) => {
        if (!isOver()) resolve(outcome);
      };
      /** Ends it before its function does, which may still note, within this turn of the event loop, what it broke off. */
      const cut = (reason: Error, outcome: AttemptOutcome<T>) => {
        if (isOver()) return;
        call.abort(reason);
        setImmediate(() => resolve(outcome));
      };
      const giveUp = (because: GiveUpReason) =>
        cut(new Error(`step "${identity.step}" was given up: ${because}`), { kind: 'abandoned', because });
      const stopTimer = startTimer(timeoutMs, () => {
        const error = timedOut(identity.step, timeoutMs);
        cut(error, {
          kind: 'retryable',
          wait: 'retry',
          inDoubt: true,
          unsent: false,
          error,
          retryAfterMs: undefined,
        });
      });
      this.#givingUp.add(giveUp);
      const failed = (error: unknown) => end(outcomeOf(error, this.#classify));
      try {
        const called = within.run({ calls: this, step: identity.step }, () => fn(call));
        Promise.resolve(called).then((value) => end({ kind: 'ok', value }), failed);
      } catch (error) {
        failed(error);
      }
    });
  }

  /** Aborts what is under way; nothing new starts. */
  giveUp(because: GiveUpReason): void {
    this.#givenUp ??= because;
    for (const giveUp of [...this.#givingUp]) giveUp(because);
  }
}

/** What a step threw: by `classify`, by its shape, a bug if it is a mistake in code, and else in doubt. */
function outcomeOf(
  thrown: unknown,
  classify: Classify | undefined,
): Exclude<AttemptOutcome<never>, { kind: 'ok' }> {
  let failure: HoldfastFailure | undefined;
  try {
    // one that answers with something else than a failure has not answered
    const own = classify?.(thrown);
    failure = (own && failureOf(own)) ?? failureOf(thrown);
  } catch (fault) {
    return { kind: 'bug', error: fault };
  }
  if (!failure && isMistake(thrown)) return { kind: 'bug', error: thrown };
  failure ??= unknown(thrown);
  switch (failure.kind) {
    case 'rejected':
      return { kind: 'rejected', error: failure };
    case 'misconfigured':
      return { kind: 'misconfigured', error: failure };
    case 'unavailable':
      return retryable('retry', false, failure);
    case 'throttled':
      return retryable('throttle', false, failure);
    case 'in_doubt':
      return retryable('retry', true, failure);
  }
}

/** Nobody knows how far the step came before it threw this. */
function unknown(thrown: unknown): InDoubtError {
  const { code, message } = toErrorRecord(thrown);
  return new InDoubtError({ code, message, cause: thrown });
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
