import { HoldfastError } from './holdfast-error.ts';

/** Which failures a call may be repeated after: all of them, or only those where the server did nothing. */
export type Repeatable = 'always' | 'when_refused';

const LONGEST_PAUSE_MS = 30_000;

/**
 * Decides how long to wait before a call is made again.
 * @param attempt of the call that failed, from 1
 * @param random from 0 to 1
 * @returns milliseconds; undefined when the failure is final. A longer `Retry-After` than 30 s is left to the caller.
 */
export function pauseBefore(
  error: HoldfastError,
  attempt: number,
  { retries, repeatable }: { readonly retries: number; readonly repeatable: Repeatable },
  random: number,
): number | undefined {
  if (attempt > retries) return undefined;
  // a 503 may follow a write whose reply was lost, and so may a broken connection
  const worthIt = error.status === 429 || (repeatable === 'always' && [0, 503].includes(error.status));
  if (!worthIt) return undefined;
  if (error.retryAfter === undefined) return random * Math.min(200 * 2 ** attempt, LONGEST_PAUSE_MS);
  const askedMs = error.retryAfter * 1000;
  return askedMs <= LONGEST_PAUSE_MS ? askedMs : undefined;
}

/** @throws HoldfastError the last failure */
export async function withRetries<T>(
  call: () => Promise<T>,
  policy: { readonly retries: number; readonly repeatable: Repeatable },
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof HoldfastError)) throw error;
      const pauseMs = pauseBefore(error, attempt, policy, Math.random());
      if (pauseMs === undefined) throw error;
      await pause(pauseMs);
    }
  }
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
