import { type HoldfastFailure, type StepCall, ThrottledError } from '@holdfast/engine';
import type { Guard } from './shared/guard.ts';
import { NOT_STARTED } from './shared/guard.ts';

/** What came of a call of a step to something that is not reached over HTTP. */
export type Performed<T> =
  | { readonly kind: 'ok'; readonly value: T; readonly sent: true }
  | {
      /** `rejected` also for what the step's own code threw: whom it called is fine. */
      readonly kind: HoldfastFailure['kind'];
      readonly code: string;
      readonly message: string;
      readonly details?: Readonly<Record<string, unknown>>;
      readonly sent: boolean;
      /** What the step throws. */
      readonly error?: unknown;
    };

/** A call that was about to be sent when it was too late for that: the guard asks again. */
export const notStarted: Performed<never> = {
  ...{ kind: 'throttled', code: NOT_STARTED, message: 'put off', sent: false },
};

/** @param error what a step is to throw, or what its own code threw */
export function failed(
  error: unknown,
  failure: HoldfastFailure | undefined,
  sent: boolean,
): Performed<never> {
  if (!failure) return { kind: 'rejected', code: 'step_failed', message: String(error), error, sent };
  const { kind, code, message, details = {} } = failure;
  return { kind, code, message, details, error: failure, sent };
}

/**
 * Makes a step's call through the guard, if there is one, and notes it in the run's history.
 * @param what for people: `orders-db transaction`
 * @param perform is given what to ask right before the first byte is sent; on `false` it answers `notStarted`
 * @returns the value of an `ok`
 * @throws what the step is to throw
 */
export async function performGuarded<T>(
  {
    call,
    guard,
    what,
  }: { readonly call: StepCall; readonly guard: Guard | undefined; readonly what: string },
  perform: (mayStart: () => boolean) => Promise<Performed<T>>,
): Promise<T> {
  const startedAt = performance.now();
  const outcome = await (guard ? guard.through(call, perform) : perform(() => true));
  call.seen?.({
    what,
    sent: 'sent' in outcome && outcome.sent,
    outcome: outcome.kind,
    ...(outcome.kind !== 'ok' && { code: outcome.code }),
    durationMs: performance.now() - startedAt,
  });
  if (outcome.kind === 'ok') return outcome.value;
  if ('error' in outcome) throw outcome.error;
  throw new ThrottledError({
    ...{ code: outcome.code, message: `${what}: ${outcome.message}`, unsent: true },
    ...('retryAfterMs' in outcome &&
      outcome.retryAfterMs !== undefined && { retryAfter: outcome.retryAfterMs }),
  });
}
