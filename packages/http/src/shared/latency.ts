/** Upper bounds of the histogram's buckets, in milliseconds; the last bucket has none. Each is about half as much again as the one before. */
export const LATENCY_BOUNDS_MS: readonly number[] = [
  1, 2, 3, 5, 8, 12, 20, 30, 50, 75, 100, 150, 250, 400, 600, 1_000, 1_500, 2_500, 4_000, 6_000, 10_000,
  15_000, 25_000, 40_000,
];

/** @returns the bucket's number, from 0 to the number of bounds */
export function latencyBucket(ms: number): number {
  const bucket = LATENCY_BOUNDS_MS.findIndex((bound) => ms <= bound);
  return bucket === -1 ? LATENCY_BOUNDS_MS.length : bucket;
}

/**
 * The latency that a share of all calls did not exceed, as close as the buckets tell: they are read as evenly filled.
 * @param counts calls by bucket
 * @param share from 0 to 1
 * @returns milliseconds; undefined without calls
 */
export function percentileMs(counts: readonly number[], share: number): number | undefined {
  const total = counts.reduce((sum, count) => sum + count, 0);
  if (total === 0) return undefined;
  let left = share * total;
  for (const [bucket, count] of counts.entries()) {
    if (count > 0 && left <= count) {
      const lower = LATENCY_BOUNDS_MS[bucket - 1] ?? 0;
      const upper = LATENCY_BOUNDS_MS[bucket] ?? lower;
      return lower + (upper - lower) * (left / count);
    }
    left -= count;
  }
  return LATENCY_BOUNDS_MS.at(-1);
}
