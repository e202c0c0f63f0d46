import { Refused } from '../problems.ts';
import type { Answer } from '../serve.ts';

export interface StripeFault {
  readonly type?: 'invalid_request_error' | 'card_error' | 'idempotency_error' | 'api_error';
  readonly code?: string;
  readonly message: string;
  readonly param?: string;
  readonly [fact: string]: unknown;
}

/** An error in Stripe's shape; of type `invalid_request_error` unless it says otherwise. */
export function stripeError(status: number, fault: StripeFault): Answer {
  return { status, body: { error: { type: 'invalid_request_error', ...fault } } };
}

/** Stops a request before it is processed: nothing is kept under its Idempotency-Key. */
export function refuse(status: number, fault: StripeFault): Refused {
  return new Refused(stripeError(status, fault));
}

/** The answer to a fault that is set on an operation. */
export function faultAnswer(status: number, message: string): Answer {
  if (status === 429) return stripeError(429, { code: 'rate_limit', message });
  if (status === 402)
    return stripeError(402, {
      type: 'card_error',
      code: 'card_declined',
      decline_code: 'generic_decline',
      message,
    });
  return stripeError(status, { type: status >= 500 ? 'api_error' : 'invalid_request_error', message });
}
