import type { ConnectionOptions } from 'node:tls';
import { Cluster, Redis, type RedisOptions } from 'ioredis';
import { setNamespace } from './namespace.ts';
import { isSentinel, isSocket, type RedisUrls, socketOf, watchedBy } from './urls.ts';

export type RedisConnection = Redis | Cluster;

/** PEM: an own certificate authority, and a client certificate with its key. For `rediss://` and `rediss+sentinel://` only. */
export interface RedisTls {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** Where Redis is. */
export interface RedisSettings {
  readonly urls: RedisUrls;
  readonly tls?: RedisTls | undefined;
  /** What every key and queue begins with, so that two systems can share one Redis. Default: none. */
  readonly namespace?: string | undefined;
}

/** How a connection behaves; each is as ioredis has it. */
export type RedisBehaviour = Pick<
  RedisOptions,
  | ('lazyConnect' | 'enableReadyCheck' | 'enableOfflineQueue' | 'maxRetriesPerRequest' | 'reconnectOnError')
  | ('connectTimeout' | 'commandTimeout' | 'socketTimeout')
>;

type Retry = (times: number) => number | null;

/**
 * Opens a connection to one Redis, to the master that sentinels know of, or to a cluster.
 * @param retry ms until the next try to connect, or null for none
 */
export function openRedis(settings: RedisSettings, behaviour: RedisBehaviour, retry: Retry): RedisConnection {
  const connection = connect(settings, behaviour, retry);
  if (settings.namespace !== undefined) setNamespace(connection, settings.namespace);
  return connection;
}

function connect({ urls, tls }: RedisSettings, behaviour: RedisBehaviour, retry: Retry): RedisConnection {
  const [only, ...more] = urls;
  const secrets: ConnectionOptions = {
    ...(tls?.ca !== undefined && { ca: tls.ca }),
    ...(tls?.cert !== undefined && { cert: tls.cert }),
    ...(tls?.key !== undefined && { key: tls.key }),
  };
  // an empty `tls` would ask for TLS of a server that has none
  const secured = only.startsWith('rediss') && { tls: secrets };
  if (more.length > 0) {
    const { enableOfflineQueue: _, ...ofNodes } = behaviour;
    return new Cluster([...urls], {
      redisOptions: { ...ofNodes, ...secured },
      clusterRetryStrategy: retry,
      enableOfflineQueue: behaviour.enableOfflineQueue ?? true,
    });
  }
  if (isSocket(only)) {
    const { path, user, password, db } = socketOf(only);
    return new Redis({ ...behaviour, ...login(user, password), path, db, retryStrategy: retry });
  }
  if (isSentinel(only)) {
    const watched = watchedBy(only);
    return new Redis({
      ...behaviour,
      ...login(watched.user, watched.password),
      sentinels: [...watched.sentinels],
      name: watched.master,
      ...(watched.sentinelUser !== undefined && { sentinelUsername: watched.sentinelUser }),
      ...(watched.sentinelPassword !== undefined && { sentinelPassword: watched.sentinelPassword }),
      ...(watched.tls && { tls: secrets, sentinelTLS: secrets, enableTLSForSentinelMode: true }),
      retryStrategy: retry,
      sentinelRetryStrategy: retry,
    });
  }
  return new Redis(only, { ...behaviour, ...secured, retryStrategy: retry });
}

/**
 * Lets a connection log in with another user and password from its next connect on; one that stands is not ended.
 * @returns false for a cluster, which keeps what it was opened with
 */
export function changeLogin(connection: RedisConnection, { urls: [url] }: RedisSettings): boolean {
  if (connection instanceof Cluster) return false;
  const { user, password } = isSocket(url) ? socketOf(url) : isSentinel(url) ? watchedBy(url) : loginIn(url);
  Object.assign(connection.options, { username: user ?? null, password: password ?? null });
  return true;
}

function loginIn(url: string): { readonly user: string | undefined; readonly password: string | undefined } {
  const { username, password } = new URL(url);
  return {
    user: decodeURIComponent(username) || undefined,
    password: decodeURIComponent(password) || undefined,
  };
}

function login(
  user: string | undefined,
  password: string | undefined,
): Pick<RedisOptions, 'username' | 'password'> {
  return { ...(user !== undefined && { username: user }), ...(password !== undefined && { password }) };
}

/** For people: hosts and ports, or the socket's path; never a password. */
export function whereIs(urls: RedisUrls): string {
  return urls
    .map((url) => {
      if (isSocket(url)) return socketOf(url).path;
      if (isSentinel(url)) {
        const { sentinels, master } = watchedBy(url);
        return `${master} of the sentinels ${sentinels.map(({ host, port }) => `${host}:${port}`).join(', ')}`;
      }
      return URL.canParse(url) ? new URL(url).host : url.replace(/^.*@/, '');
    })
    .join(', ');
}
