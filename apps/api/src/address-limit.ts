import { isIPv6 } from 'node:net';
import { tagOf } from '@holdfast/redis';
import type { Cluster, Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';

const WINDOW_S = 60;

/** Counts something that an address did. @returns for how long it has done it too often, in milliseconds; undefined while it has not */
export type AddressLimit = (address: string) => Promise<number | undefined>;

/**
 * Over all processes; in this one alone while Redis does not answer.
 * @param what is counted, in Redis' keys
 * @param perMinute so often is not too often
 */
export function addressLimit(connection: Redis | Cluster, what: string, perMinute: number): AddressLimit {
  const bounds = { points: perMinute, duration: WINDOW_S };
  const limiter = new RateLimiterRedis({
    ...bounds,
    storeClient: connection,
    keyPrefix: `${tagOf(connection)}/${what}`,
    insuranceLimiter: new RateLimiterMemory(bounds),
  });
  return async (address) => {
    try {
      await limiter.consume(networkOf(address));
      return undefined;
    } catch (refused) {
      return refused instanceof RateLimiterRes ? refused.msBeforeNext : undefined;
    }
  };
}

/** Whoever has one address of IPv6 has all of its /64. */
function networkOf(address: string): string {
  if (!isIPv6(address) || address.startsWith('::ffff:')) return address;
  const [head = '', tail] = address.split('::');
  const start = head.split(':').filter(Boolean);
  const end = tail?.split(':').filter(Boolean) ?? [];
  const zeros = Array.from({ length: Math.max(0, 8 - start.length - end.length) }, () => '0');
  return [...start, ...zeros, ...end].slice(0, 4).join(':');
}
