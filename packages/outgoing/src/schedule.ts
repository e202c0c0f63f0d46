const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** Before each try, as Standard Webhooks 1.0 proposes: ten in all, over three days. */
const BEFORE_TRY_MS: readonly number[] = [
  ...[0, 5 * SECOND_MS, 5 * MINUTE_MS, 30 * MINUTE_MS],
  ...[2, 5, 10, 14, 20, 24].map((hours) => hours * HOUR_MS),
];

export const MOST_TRIES = BEFORE_TRY_MS.length;

/** Of the delay itself, so that what failed together does not come back together. */
const JITTER_RATIO = 0.1;

export interface Failed {
  /** Tries so far, this one included: from 1 to `MOST_TRIES` - 1. */
  readonly tries: number;
  /** What the endpoint asked for, in milliseconds; the next try is not earlier. */
  readonly retryAfterMs?: number | undefined;
}

/**
 * How long to wait before the next try, in milliseconds.
 * @param retryScale multiplies the schedule, and not what the endpoint asked for
 * @param random from 0 to 1
 */
export function delayAfter({ tries, retryAfterMs = 0 }: Failed, retryScale: number, random: number): number {
  const scheduled = (BEFORE_TRY_MS[tries] ?? 0) * retryScale;
  return Math.round(Math.max(scheduled, retryAfterMs) + scheduled * JITTER_RATIO * random);
}
