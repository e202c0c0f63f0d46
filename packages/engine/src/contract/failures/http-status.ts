import {
  InDoubtError,
  MisconfiguredError,
  RejectedError,
  type StepFault,
  ThrottledError,
  UnavailableError,
} from '../errors.ts';
import type { HoldfastFailure } from './shape.ts';

const MAX_RETRY_AFTER_MS = 24 * 60 * 60 * 1_000;

/**
 * What a response with this status says of the effect.
 *
 * | status | failure |
 * |---|---|
 * | 429 | throttled |
 * | 425, 503 | unavailable: the server did not begin |
 * | 401, 403, 405, 407 | misconfigured |
 * | 3xx | misconfigured, and the effect may have happened |
 * | 408, any other 5xx, anything outside 300 to 599 | in doubt |
 * | any other 4xx | rejected |
 */
export function failureOfStatus(status: number, fault: StepFault, retryAfterMs?: number): HoldfastFailure {
  const delayed = { ...fault, ...(retryAfterMs !== undefined && { retryAfter: retryAfterMs }) };
  if (status === 429) return new ThrottledError(delayed);
  if (status === 425 || status === 503) return new UnavailableError(delayed);
  if (status === 401 || status === 403 || status === 405 || status === 407)
    return new MisconfiguredError(fault);
  if (status >= 300 && status < 400) return new MisconfiguredError({ ...fault, mayHaveHappened: true });
  if (status !== 408 && status >= 400 && status < 500) return new RejectedError(fault);
  return new InDoubtError(delayed);
}

/** Reads Retry-After, in seconds or as a date (RFC 9110). @returns milliseconds, at most a day; undefined when it cannot be read */
export function retryAfterMs(header: string | null | undefined, now = Date.now()): number | undefined {
  const value = header?.trim();
  if (!value) return undefined;
  const ms = /^\d+(\.\d+)?$/.test(value) ? Math.ceil(Number(value) * 1_000) : Date.parse(value) - now;
  return Number.isNaN(ms) ? undefined : Math.min(Math.max(ms, 0), MAX_RETRY_AFTER_MS);
}
