import { type Overview, readOverview } from '@holdfast/engine';
import { type ProviderHealth, providerHealth, redisStore } from '@holdfast/http';
import type { RedisConnection } from '@holdfast/redis';
import { storeUnavailable } from './problems.ts';

/** What the overview tells, but for the list of runs. */
export interface Snapshot {
  readonly overview: Overview;
  readonly providers: readonly ProviderHealth[];
}

/** However many look, Redis is asked once in this time. */
const FRESH_FOR_MS = 1_000;
const HEALTH_OVER_MINUTES = 15;

export class Snapshots {
  readonly #read: () => Promise<Snapshot>;
  #latest: { readonly readAt: number; readonly snapshot: Promise<Snapshot> } | undefined;

  constructor(connection: RedisConnection) {
    const store = redisStore({ connection });
    this.#read = async () => {
      const [overview, providers] = await Promise.all([
        readOverview(connection),
        providerHealth(store, HEALTH_OVER_MINUTES),
      ]);
      return { overview, providers };
    };
  }

  /** At most a second old. */
  latest(): Promise<Snapshot> {
    const now = performance.now();
    const latest = this.#latest;
    if (latest && now - latest.readAt < FRESH_FOR_MS) return latest.snapshot;
    const snapshot = this.#read().catch(() => {
      // a failure is told once, and not kept
      this.#latest = undefined;
      throw storeUnavailable();
    });
    this.#latest = { readAt: now, snapshot };
    return snapshot;
  }
}
