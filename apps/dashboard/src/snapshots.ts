import { type Fleet, type Overview, readFleet, readOverview } from '@holdfast/engine';
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

/** A value that is read anew once it is older than a second; a failure is told once, and not kept. */
class Fresh<T> {
  readonly #read: () => Promise<T>;
  #latest: { readonly readAt: number; readonly value: Promise<T> } | undefined;

  constructor(read: () => Promise<T>) {
    this.#read = read;
  }

  get(): Promise<T> {
    const now = performance.now();
    if (this.#latest && now - this.#latest.readAt < FRESH_FOR_MS) return this.#latest.value;
    const value = this.#read().catch(() => {
      this.#latest = undefined;
      throw storeUnavailable();
    });
    this.#latest = { readAt: now, value };
    return value;
  }
}

export class Snapshots {
  readonly #overview: Fresh<Snapshot>;
  readonly #fleet: Fresh<Fleet>;

  constructor(connection: RedisConnection) {
    const store = redisStore({ connection });
    this.#fleet = new Fresh(() => readFleet(connection));
    this.#overview = new Fresh(async () => {
      const [overview, providers] = await Promise.all([
        readOverview(connection),
        providerHealth(store, HEALTH_OVER_MINUTES),
      ]);
      return { overview, providers };
    });
  }

  /** At most a second old. */
  latest(): Promise<Snapshot> {
    return this.#overview.get();
  }

  /** The workers that are alive, as of a second ago at most. */
  fleet(): Promise<Fleet> {
    return this.#fleet.get();
  }
}
