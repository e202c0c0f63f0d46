import { isIPv6 } from 'node:net';
import type { Cluster, Redis } from 'ioredis';
import { RateLimiterMemory, RateLimiterRedis, RateLimiterRes } from 'rate-limiter-flexible';

/** Wrong keys that one address may show in a minute; more are not even called wrong. */
export const MOST_WRONG_KEYS = 100;
const WINDOW_S = 60;

/** Counts a wrong key. @returns how long the address shows too many of them, in milliseconds; undefined while it does not */
export type WrongKeys = (address: string) => Promise<number | undefined>;

/** Over all processes; in this one alone while Redis does not answer. */
export function wrongKeys(connection: Redis | Cluster): WrongKeys {
  const bounds = { points: MOST_WRONG_KEYS, duration: WINDOW_S };
  const limiter = new RateLimiterRedis({
    ...bounds,
    storeClient: connection,
    keyPrefix: '{hf0}/wrong-keys',
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
