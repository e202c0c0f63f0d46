import type { ErrorReading, ReadError, ResponseHeaders } from '@holdfast/http';
import { z } from 'zod';

const text = z.string().max(500);

const StripeErrorBody = z.object({
  error: z.object({
    type: z.string().regex(/^[a-z_]{1,64}$/),
    code: z
      .string()
      .regex(/^[a-z0-9_]{1,64}$/)
      .optional(),
    decline_code: text.optional(),
    message: text.optional(),
    param: text.optional(),
    charge: text.optional(),
  }),
});

/**
 * Two refusals do not say that nothing happened, and are in doubt:
 * - `idempotency_key_in_use` (409): the first request with this key is still in progress. Its answer is there for the next try.
 * - `idempotency_error` (400): this key was used with other parameters. That is a mistake of ours, but an earlier request may
 *   have charged the card: rejecting would fail the run and leave that charge where it is. In doubt, the run ends with a
 *   person, who can look it up under the key.
 */
const IN_DOUBT = new Set(['idempotency_key_in_use', 'idempotency_error']);

/** What Stripe's `Stripe-Rate-Limited-Reason` says of whose limit it is. */
const LIMITED: Readonly<Record<string, ErrorReading['limited']>> = {
  'global-rate': 'account',
  'global-concurrency': 'account',
  'endpoint-rate': 'endpoint',
  'endpoint-concurrency': 'endpoint',
  'resource-specific': 'object',
};

/** A lock on one object, which another request holds, comes as a 429 as well; it says nothing of a limit. */
function whoseLimit(code: string, headers: ResponseHeaders): ErrorReading['limited'] {
  return code === 'lock_timeout' ? 'object' : LIMITED[headers['stripe-rate-limited-reason'] ?? ''];
}

/** Reads Stripe's error object. The code is Stripe's `code`, such as `card_declined`, or its `type` where it has none. */
export const readStripeError: ReadError = (status, body, headers) => {
  const parsed = StripeErrorBody.safeParse(body);
  if (!parsed.success) return undefined;
  const { type, code = type, message, decline_code, param, charge } = parsed.data.error;
  const limited = status === 429 ? whoseLimit(code, headers) : undefined;
  return {
    code,
    ...(limited && { limited }),
    ...(message === undefined ? {} : { message }),
    details: {
      type,
      ...(decline_code === undefined ? {} : { declineCode: decline_code }),
      ...(param === undefined ? {} : { param }),
      ...(charge === undefined ? {} : { charge }),
    },
    ...(IN_DOUBT.has(code) || IN_DOUBT.has(type) || isWorthAnother(status, headers)
      ? { outcome: 'in_doubt' as const }
      : {}),
  };
};

/** Stripe says of some refusals, such as a 409 because of a lock, that the same request may do well in a moment. */
function isWorthAnother(status: number, headers: ResponseHeaders): boolean {
  return status >= 400 && status < 500 && status !== 429 && headers['stripe-should-retry'] === 'true';
}
