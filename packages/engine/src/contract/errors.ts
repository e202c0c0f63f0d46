import type { DurationInput } from './duration.ts';

/**
 * What a step throws to say how its attempt ended. The class decides what the run does next; the `code` says why and is what
 * callers match on. Other libraries' errors are recognized by their shape; a mistake in code (such as a TypeError) is a bug and parks the run
 * as dead at once; anything else thrown in a step is in doubt.
 */
export abstract class StepError extends Error {
  abstract readonly kind: 'rejected' | 'misconfigured' | 'unavailable' | 'throttled' | 'in_doubt';
  readonly code: string;
  /** Facts for people, JSON only; kept in the journal. Never secrets. */
  readonly details: Readonly<Record<string, unknown>> | undefined;

  constructor(fault: StepFault) {
    super(fault.message, fault.cause === undefined ? undefined : { cause: fault.cause });
    this.name = new.target.name;
    this.code = fault.code;
    this.details = fault.details;
  }
}

export interface StepFault {
  /** Stable, snake_case: `card_declined`, `connection_refused`. */
  readonly code: string;
  /** One sentence for a person: what happened. */
  readonly message: string;
  readonly details?: Readonly<Record<string, unknown>>;
  readonly cause?: unknown;
}

export interface RetryableFault extends StepFault {
  /** No attempt before this much time has passed; jitter goes on top. Default: the step's own policy alone. */
  readonly retryAfter?: DurationInput;
}

export interface RejectedFault extends StepFault {
  /**
   * True when the refusal is about the effect itself, whichever attempt asked for it: a card declined under the same key, an
   * address that no label can be made for. Then it also says what an earlier attempt came to whose reply was lost. Default false: an
   * attempt in doubt stays in doubt, because the refusal may be about this request only.
   */
  readonly settlesDoubt?: boolean;
}

/** The provider said no, definitely. The run compensates and fails, unless the flow catches this. */
export class RejectedError extends StepError {
  readonly kind = 'rejected';
  readonly settlesDoubt: boolean;
  constructor(fault: RejectedFault) {
    super(fault);
    this.settlesDoubt = fault.settlesDoubt ?? false;
  }
}

export interface MisconfiguredFault extends StepFault {
  /** True when the effect may have happened all the same: something answered that all is well, and was not the provider. Default false. */
  readonly mayHaveHappened?: boolean;
}

/**
 * The refusal is about us, or not from the provider at all: a revoked key, a redirect, a firewall's page. Nothing is undone; the run is
 * dead until a person has fixed the configuration and redrives it.
 */
export class MisconfiguredError extends StepError {
  readonly kind = 'misconfigured';
  readonly mayHaveHappened: boolean;
  constructor(fault: MisconfiguredFault) {
    super(fault);
    this.mayHaveHappened = fault.mayHaveHappened ?? false;
  }
}

export interface UnavailableFault extends RetryableFault {
  /**
   * True when the provider was asked and knows of no effect under the step's key, and would only play its failure back: what was in
   * doubt is settled, and the next attempt gets a new key. Default false: the key stays.
   */
  readonly keySpent?: boolean;
}

/** Nothing happened and nothing will: the effect was never started (refused connection, 503). Retried by the step's policy. */
export class UnavailableError extends StepError {
  readonly kind = 'unavailable';
  readonly retryAfter: DurationInput | undefined;
  readonly keySpent: boolean;
  constructor(fault: UnavailableFault) {
    super(fault);
    this.retryAfter = fault.retryAfter;
    this.keySpent = fault.keySpent ?? false;
  }
}

export interface ThrottledFault extends RetryableFault {
  /** True when the provider was not even asked: then there was no attempt to count. Default false. */
  readonly unsent?: boolean;
}

/** Nothing happened because of a limit. Tried again after `retryAfter`; uses up no attempt. */
export class ThrottledError extends StepError {
  readonly kind = 'throttled';
  readonly retryAfter: DurationInput | undefined;
  readonly unsent: boolean;
  constructor(fault: ThrottledFault) {
    super(fault);
    this.retryAfter = fault.retryAfter;
    this.unsent = fault.unsent ?? false;
  }
}

/** The effect was started and nobody knows whether it happened. Resolved as the step's `whenInDoubt` says. */
export class InDoubtError extends StepError {
  readonly kind = 'in_doubt';
  readonly retryAfter: DurationInput | undefined;
  constructor(fault: RetryableFault) {
    super(fault);
    this.retryAfter = fault.retryAfter;
  }
}
