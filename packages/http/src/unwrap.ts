import {
  InDoubtError,
  MisconfiguredError,
  RejectedError,
  ThrottledError,
  UnavailableError,
} from '@holdfast/engine';
import type { Delayed, Trouble } from './outcome.ts';

export interface Operation {
  /** As people call it: `payment`, `shipping`. */
  readonly provider: string;
  readonly operation: string;
  /**
   * True for what refuses the effect itself, whichever request asked for it under its key: then nothing came of an earlier one either
   * whose reply was lost. Default: of none; a gateway or a revoked key refuses one request and says nothing of the others.
   */
  readonly settlesDoubt?: (refusal: Refusal) => boolean;
}

/** A provider's no; `status` where it came over HTTP. */
export type Refusal = Trouble & { readonly status?: number };

/** An `Outcome` of HTTP, or what came of SMTP in the same terms. */
export type Unwrappable<T> =
  | { readonly kind: 'ok'; readonly value: T }
  | (Refusal & { readonly kind: 'rejected' })
  | (Refusal & { readonly kind: 'misconfigured'; readonly mayHaveHappened?: true })
  | (Trouble & Delayed & { readonly kind: 'throttled' | 'unavailable' | 'in_doubt'; readonly unsent?: true });

/**
 * The one place where an outcome becomes what the engine understands.
 * @returns the value of an `ok`
 * @throws RejectedError, MisconfiguredError, ThrottledError, UnavailableError or InDoubtError; `details` name provider and operation, with the
 * HTTP status and the provider's request id where there was an answer
 */
export function unwrap<T>(outcome: Unwrappable<T>, operation: Operation): T {
  switch (outcome.kind) {
    case 'ok':
      return outcome.value;
    case 'rejected':
      throw new RejectedError({
        ...fault(outcome, operation),
        settlesDoubt: operation.settlesDoubt?.(outcome) ?? false,
      });
    case 'misconfigured':
      throw new MisconfiguredError({
        ...fault(outcome, operation),
        mayHaveHappened: outcome.mayHaveHappened === true,
      });
    case 'throttled':
      throw new ThrottledError({
        ...{ ...fault(outcome, operation), ...delay(outcome) },
        unsent: outcome.unsent === true,
      });
    case 'unavailable':
      throw new UnavailableError({ ...fault(outcome, operation), ...delay(outcome) });
    case 'in_doubt':
      throw new InDoubtError({ ...fault(outcome, operation), ...delay(outcome) });
  }
}

function fault(trouble: Trouble & Delayed & { readonly unsent?: true }, { provider, operation }: Operation) {
  return {
    code: trouble.code,
    message: `${provider} ${operation}: ${trouble.message}`,
    details: {
      provider,
      operation,
      ...trouble.details,
      ...(trouble.retryAfterCapped ? { retryAfterCapped: true } : {}),
      ...(trouble.unsent ? { unsent: true } : {}),
    },
  };
}

function delay({ retryAfterMs }: Delayed): { retryAfter?: number } {
  return retryAfterMs === undefined ? {} : { retryAfter: retryAfterMs };
}
