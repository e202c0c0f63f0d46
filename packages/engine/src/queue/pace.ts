/** How often a worker proves its life, and how long each proof holds. */
export interface Pace {
  readonly everyMs: number;
  readonly holdsMs: number;
}

/** A worker with runs: others must notice soon that it died. */
export const BUSY_PACE: Pace = { everyMs: 250, holdsMs: 1_000 };

/** A worker without runs: when it dies, nothing waits for that to be noticed. */
export const IDLE_PACE: Pace = { everyMs: 4_000, holdsMs: 10_000 };

/**
 * A worker counts as busy this long after its last run, so that the counter which notices lost writes is raised often until whatever it
 * wrote is on disk, however slow.
 */
export const STAYS_BUSY_MS = 10_000;
