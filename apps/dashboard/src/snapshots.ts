import { type Fleet, type Overview, type Pause, readFleet, readOverview } from '@holdfast/engine';
import { type ProviderHealth, providerHealth, redisStore } from '@holdfast/http';
import { readTenants, type TenantsView } from '@holdfast/operations';
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

/** What takes more commands. */
const TENANTS_FRESH_FOR_MS = 3_000;

/** A value that is read anew once it is older than so long; a failure is told once, and not kept. */
class Fresh<T> {
  readonly #read: () => Promise<T>;
  #latest: { readonly readAt: number; readonly value: Promise<T> } | undefined;

  constructor(
    read: () => Promise<T>,
    private readonly forMs = FRESH_FOR_MS,
  ) {
    this.#read = read;
  }

  forget(): void {
    this.#latest = undefined;
  }

  get(): Promise<T> {
    const now = performance.now();
    if (this.#latest && now - this.#latest.readAt < this.forMs) return this.#latest.value;
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
  readonly #pauses: Fresh<readonly Pause[]>;
  readonly #tenants: Fresh<TenantsView>;

  constructor(connection: RedisConnection, readPauses: () => Promise<readonly Pause[]>) {
    const store = redisStore({ connection });
    this.#fleet = new Fresh(() => readFleet(connection));
    this.#pauses = new Fresh(readPauses);
    this.#tenants = new Fresh(() => readTenants(connection, readPauses), TENANTS_FRESH_FOR_MS);
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

  /** What is paused, as of a second ago at most. */
  pauses(): Promise<readonly Pause[]> {
    return this.#pauses.get();
  }

  /** What each tenant has and uses, as of a few seconds ago at most. */
  tenants(): Promise<TenantsView> {
    return this.#tenants.get();
  }

  /** Something about them was changed here. */
  forgetTenants(): void {
    this.#pauses.forget();
    this.#tenants.forget();
  }

  /** The workers that are alive, as of a second ago at most. */
  fleet(): Promise<Fleet> {
    return this.#fleet.get();
  }
}
