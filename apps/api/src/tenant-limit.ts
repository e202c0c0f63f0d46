import { tagOf } from '@holdfast/redis';
import type { Cluster, Redis } from 'ioredis';
import { RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';

/** What became of one request of a tenant. */
export interface Taken {
  readonly allowed: boolean;
  readonly limit: number;
  readonly remaining: number;
  /** Until the window is over. */
  readonly resetMs: number;
}

/** Counts a request. @returns undefined when Redis does not say: a limit must not be an outage of its own */
export type TenantLimit = (tenant: string) => Promise<Taken | undefined>;

/** Requests a second for each tenant, over all processes; ten seconds' worth may come at once. */
export function tenantLimit(connection: Redis | Cluster, perSecond: number): TenantLimit {
  const limit = Math.max(1, Math.floor(perSecond * WINDOW_S));
  const limiter = new RateLimiterRedis({
    storeClient: connection,
    keyPrefix: `${tagOf(connection)}/tenant-rate`,
    points: limit,
    duration: WINDOW_S,
    // who is over the limit is refused without asking Redis until its window ends
    inMemoryBlockOnConsumed: limit,
  });
  return async (tenant) => {
    const taken = (result: RateLimiterRes, allowed: boolean): Taken => ({
      ...{ allowed, limit, remaining: Math.max(0, result.remainingPoints), resetMs: result.msBeforeNext },
    });
    try {
      return taken(await limiter.consume(tenant), true);
    } catch (refused) {
      return refused instanceof RateLimiterRes ? taken(refused, false) : undefined;
    }
  };
}

export const WINDOW_S = 10;
