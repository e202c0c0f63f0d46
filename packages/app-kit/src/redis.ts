import { Cluster, Redis } from 'ioredis';
import type { Logger } from './logger.ts';

export type RedisConnection = Redis | Cluster;

/**
 * For workers: commands wait until Redis is back, and are sent again when their reply was lost.
 * For the API: commands fail when Redis does not answer within `commandTimeoutMs`.
 */
export type RedisUse =
  | { readonly for: 'worker' }
  | { readonly for: 'api'; readonly commandTimeoutMs: number };

/** Connects to one Redis, or to a cluster when several URLs are given. Connection errors are logged, once per outage. */
export function connectRedis(
  urls: readonly [string, ...string[]],
  use: RedisUse,
  log: Logger,
): RedisConnection {
  const options =
    use.for === 'worker'
      ? { maxRetriesPerRequest: null }
      : {
          enableOfflineQueue: false,
          commandTimeout: use.commandTimeoutMs,
          connectTimeout: use.commandTimeoutMs,
          maxRetriesPerRequest: 0,
        };
  const [only, ...more] = urls;
  const connection =
    more.length === 0
      ? new Redis(only, { ...options, retryStrategy })
      : new Cluster([...urls], {
          redisOptions: options,
          clusterRetryStrategy: retryStrategy,
          enableOfflineQueue: use.for === 'worker',
        });
  let away = false;
  connection.on('error', (error: Error) => {
    if (!away) log.error({ err: error }, 'redis is away; trying again until it is back');
    away = true;
  });
  connection.on('ready', () => {
    if (away) log.info('redis is back');
    away = false;
  });
  return connection;
}

/** Quick at first, at most half a second apart: an outage ends for us soon after it ends. */
function retryStrategy(times: number): number {
  return Math.min(25 * times, 500);
}
