import { failureOfStatus, retryAfterMs } from './http-status.ts';
import { networkFailure } from './network.ts';
import { faultOf, type HoldfastFailure, member, number, text } from './shape.ts';

/**
 * axios, got, ky and gaxios (googleapis): an error that carries the response or the request. With a response its status decides, else
 * the network's code.
 */
export function httpClientFailure(error: object): HoldfastFailure | undefined {
  const response = member(error, 'response');
  // got says statusCode, the others status
  const status = number(response, 'status') ?? number(response, 'statusCode');
  // 2xx: the body could not be read, or was not what was expected
  if (status !== undefined && status >= 300) {
    const details = { status };
    return failureOfStatus(
      status,
      faultOf(error, `http_${status}`, `the server answered ${status}`, details),
      retryAfterMs(headerOf(response, 'retry-after')),
    );
  }
  const repeated = (retriesOf(error) ?? 0) > 0;
  return repeated ? networkFailure(error, true) : undefined;
}

/** How often the library had sent it again by itself: got and gaxios say so. */
function retriesOf(error: object): number | undefined {
  return (
    number(member(error, 'request'), 'retryCount') ??
    number(member(member(error, 'config'), 'retryConfig'), 'currentRetryAttempt')
  );
}

function headerOf(response: unknown, name: string): string | undefined {
  const headers = member(response, 'headers');
  const get = member(headers, 'get');
  if (typeof get !== 'function') return text(headers, name);
  try {
    const value: unknown = get.call(headers, name);
    return typeof value === 'string' ? value : undefined;
  } catch {
    return undefined;
  }
}
