const FIRST_MS = 100;
const MAX_MS = 3_000;

/** A child that was ready for this long before it died is started again as if for the first time. */
export const WELL_AFTER_MS = 5_000;

/**
 * How long to wait before a child is started again.
 * @param deathsInARow 1 for the first death after the child was well
 */
export function restartDelayMs(deathsInARow: number): number {
  return Math.min(FIRST_MS * 2 ** (deathsInARow - 1), MAX_MS);
}
