import { InDoubtError, MisconfiguredError, RejectedError, ThrottledError } from '../errors.ts';
import { failureOfStatus, retryAfterMs } from './http-status.ts';
import { faultOf, type HoldfastFailure, member, number, text } from './shape.ts';

/**
 * The `stripe` package, by the error's `type`. It sends a request again by itself (`maxNetworkRetries`), so that a connection refused at
 * the last try proves nothing: StripeConnectionError is in doubt.
 */
export function stripeFailure(error: object): HoldfastFailure | undefined {
  const type = text(error, 'type');
  if (!type?.startsWith('Stripe')) return undefined;
  const status = number(error, 'statusCode');
  const code = text(error, 'code');
  const declineCode = text(error, 'decline_code');
  const requestId = text(error, 'requestId');
  const fault = faultOf(error, code ?? snake(type), 'Stripe', {
    type,
    ...(status !== undefined && { status }),
    ...(declineCode && { declineCode }),
    ...(requestId && { requestId }),
  });
  const delay = retryAfterMs(text(member(error, 'headers'), 'retry-after'));
  const delayed = { ...fault, ...(delay !== undefined && { retryAfter: delay }) };
  switch (type) {
    case 'StripeCardError':
      return new RejectedError({ ...fault, settlesDoubt: true });
    case 'StripeRateLimitError':
      return new ThrottledError(delayed);
    case 'StripeAuthenticationError':
    case 'StripePermissionError':
    // the key came with other parameters: the code that makes the request must change, and the first request stands
    case 'StripeIdempotencyError':
      return new MisconfiguredError(fault);
    case 'StripeInvalidRequestError':
      // 409: a request with the same key is under way
      if (status === 409 || status === 429)
        return status === 409 ? new InDoubtError(delayed) : new ThrottledError(delayed);
      return new RejectedError(fault);
    default:
      return status !== undefined && status >= 400 && status < 500 && status !== 409
        ? failureOfStatus(status, fault, delay)
        : new InDoubtError(delayed);
  }
}

function snake(name: string): string {
  return name.replace(/([a-z])([A-Z])/g, '$1_$2').toLowerCase();
}
