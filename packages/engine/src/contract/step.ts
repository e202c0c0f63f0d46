import type { z } from 'zod';
import type { RequestSeen } from './call.ts';
import type { FlowContract } from './define-flow.ts';
import type { DurationInput } from './duration.ts';

/** What a step's functions are given for one call to the outside. */
export interface StepCall {
  /**
   * The key to send to a provider that honours one: `<run>:<generation>:<step>`, with `:undo` for a compensation. The same on
   * every attempt until a definite no is tried again, so the request sent with it must be the same bytes each time.
   */
  readonly idempotencyKey: string;
  /** The same identity, made of `A-Z a-z 0-9 _ . -` only: for ids, paths, references and Message-IDs. Contains the run id. */
  readonly reference: string;
  readonly runId: string;
  /** 1 until the run is rerun. A signal can be sent to one generation only: give it to a provider that calls back. */
  readonly generation: number;
  readonly step: string;
  /** 1 for the first attempt. */
  readonly attempt: number;
  /** When the first attempt began, or a moment before, in Unix milliseconds on Redis' clock. */
  readonly startedAt: number;
  /** The W3C `traceparent` that the run came with, if there was one; a child's is that of its parent. */
  readonly trace?: string | undefined;
  /** Aborted when the step's time is up, when the run was taken over by another worker, and when the worker must stop. */
  readonly signal: AbortSignal;
  /**
   * Notes a request that the call has made, or could not make, for people who look at the run: the first and the last few of a call are
   * kept. `@holdfast/http` does so by itself for a request whose `origin` is the call.
   */
  seen?(request: RequestSeen): void;
}

/** What a look-up found out about an effect in doubt. */
export type LookUp<T> =
  | { readonly outcome: 'found'; readonly result: T }
  | { readonly outcome: 'none' }
  | { readonly outcome: 'unknown'; readonly reason: string };

/** Asks the provider whether an effect in doubt happened. The call's key and reference are those of the effect. */
export type LookUpFunction<T> = (call: StepCall) => LookUp<T> | Promise<LookUp<T>>;

export interface RetryPolicy {
  /** How many attempts in all, the first included. Past them the run is dead, uncompensated. Default 8. */
  readonly attempts: number;
  /** Upper bound of the delay before the second attempt. Default `500ms`. */
  readonly first: DurationInput;
  /** Upper bound of any delay. Default `1m`. */
  readonly max: DurationInput;
  /** By how much the upper bound grows with each attempt, from 1 (it stays the same). Default 2. */
  readonly factor: number;
}

/** How an undo is tried; an undo must be safe to repeat. */
export interface UndoOptions<T> {
  /**
   * Undoes the effect when the run is rejected or cancelled later on. Journaled and retried like a step. `stands`: it cannot be taken
   * back, and need not be; the run ends as it would otherwise, and what it drew from another run stays drawn.
   */
  // biome-ignore lint/suspicious/noConfusingVoidType: most undos return nothing
  readonly undo?: (result: T, call: StepCall) => void | 'stands' | Promise<void | 'stands'>;
  readonly retry?: Partial<RetryPolicy>;
  /** How long one attempt may take before it is aborted and in doubt. Default `30s`. */
  readonly timeout?: DurationInput;
  /**
   * How long the provider remembers a key: past it, what is in doubt is not repeated, neither the effect (see `afterKeyLifetime`) nor
   * its undo (a person answers). Default `24h`, as at Stripe.
   */
  readonly keyLifetime?: DurationInput;
}

export interface StepOptions<T> extends UndoOptions<T> {
  /** Does the effect. Its result is recorded, and returned as JSON gives it back. */
  readonly run: (call: StepCall) => T | Promise<T>;
  /** Asks the provider whether an effect in doubt happened: found → its result; none → run again; unknown → ask again later. */
  readonly find?: LookUpFunction<T>;
  /**
   * What to do when an attempt's effect was started and nobody knows whether it happened. `repeat`: run again with the same key
   * (the provider honours it). `find`: ask the provider. `halt`: stop, a person answers. A function is short for `find` with that
   * function. Default `find` where there is one, else `halt`: nothing is guessed.
   */
  readonly whenInDoubt?: 'repeat' | 'find' | 'halt' | LookUpFunction<T>;
  /**
   * How long after the end of the last attempt a look-up that finds nothing counts: a request that was given up may still arrive.
   * Until then the step is looked up again, and not run. Default: the step's `timeout`.
   */
  readonly settleFor?: DurationInput;
  /** What `repeat` turns into once the key may be forgotten. Default `find` where there is one, else `halt`. */
  readonly afterKeyLifetime?: 'find' | 'halt' | LookUpFunction<T>;
  readonly optional?: false;
}

/**
 * A step without which the flow can go on. Refused, out of attempts, or in doubt with nothing to undo: it is over, the run has a
 * warning, and the flow gets `undefined`. What is misconfigured, and a bug, stop the run as they do everywhere; so does a doubt about
 * something that has an undo.
 */
export type OptionalStepOptions<T> = Omit<StepOptions<T>, 'optional'> & { readonly optional: true };

/** Where somebody has to go before a signal can come. */
export interface NextAction {
  readonly type: 'redirect';
  readonly url: string;
}

export interface WaitOptions<T> {
  /** How long to wait; past it the wait is rejected with `signal_timeout`. Default: for as long as it takes. */
  readonly timeout?: DurationInput;
  /** What the payload must be; one that is not rejects the wait with `signal_invalid`. Default: anything. */
  readonly schema?: z.ZodType<T>;
  /** Shown with the run for as long as it waits. */
  readonly nextAction?: NextAction;
}

export interface CallbackOptions<T> {
  /** How long it can be completed; past it, its wait is rejected with `callback_timeout`. Default: as long as the run is there. */
  readonly timeout?: DurationInput;
  /** What the result must be; one that is not rejects the wait with `callback_invalid`. Default: anything. */
  readonly schema?: z.ZodType<T>;
}

/** Something that somebody outside completes once, by `POST` to its URL. Whoever has the id can: it is a secret. */
export interface Callback<T> {
  readonly id: string;
  /** Begins with `HOLDFAST_PUBLIC_URL`. */
  readonly url: string;
  /**
   * Waits for it, without holding a worker.
   * @returns the result that it was completed with
   * @throws RejectedError with the code of the error that it was completed with; `callback_timeout`; `callback_invalid`
   */
  wait(): Promise<T>;
}

export interface ChildOptions<I, O> extends UndoOptions<O> {
  readonly flow: FlowContract<I>;
  readonly input: I;
}
