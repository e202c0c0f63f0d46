import { changeLogin, openRedis, type RedisConnection, type RedisSettings, whereIs } from '@holdfast/redis';
import { Redis } from 'ioredis';
import type { Logger } from './logger.ts';

/**
 * For workers: commands wait until Redis is back, and are sent again when their reply was lost.
 * For the API: commands fail when Redis does not answer within `commandTimeoutMs`.
 */
export type RedisUse =
  | { readonly for: 'worker' }
  | { readonly for: 'api'; readonly commandTimeoutMs: number };

/** Without a word from Redis for so long after a command, a socket is dead, whatever it says of itself. */
const SILENCE_MS = 3_000;
/** Commands that wait for work, on connections of BullMQ's own, are answered within 10 s. */
const BLOCKING_SILENCE_MS = 15_000;

/** One that Redis gives for ever to who has a wrong password, or may not connect at all. */
const REFUSES_US = /^(WRONGPASS|NOAUTH|NOPERM|DENIED)\b/;

/** True for what a Redis says that will never let us in as we are. A cluster names the last node's reason. */
export function refusesUs(error: Error): boolean {
  const { lastNodeError } = error as { readonly lastNodeError?: unknown };
  return (
    REFUSES_US.test(error.message) ||
    (lastNodeError instanceof Error && REFUSES_US.test(lastNodeError.message))
  );
}

/**
 * Connects to where Redis is. Connection errors are logged, once per outage. A socket that leads to a
 * demoted master (it answers READONLY for ever), or that nothing comes back from, is ended: the next one goes where the name leads now.
 */
export function connectRedis(settings: RedisSettings, use: RedisUse, log: Logger): RedisConnection {
  const reconnectOnError = leavesDemotedMaster();
  const options =
    use.for === 'worker'
      ? { maxRetriesPerRequest: null, socketTimeout: SILENCE_MS, reconnectOnError }
      : {
          socketTimeout: use.commandTimeoutMs,
          reconnectOnError,
          enableOfflineQueue: false,
          commandTimeout: use.commandTimeoutMs,
          connectTimeout: use.commandTimeoutMs,
          maxRetriesPerRequest: 0,
        };
  const connection = openRedis(settings, options, retryStrategy);
  if (connection instanceof Redis) letBlockingOnesWait(connection);
  let away = false;
  connection.on('error', (error: Error) => {
    if (!away) log.error({ err: error, redis: whereIs(settings.urls) }, whatIsWrong(error));
    away = true;
  });
  connection.on('ready', () => {
    if (away) log.info('Redis is reachable again');
    away = false;
  });
  return connection;
}

/** Logs in as other settings say from the next connect on, as after a password was changed. */
export function useLoginOf(connection: RedisConnection, settings: RedisSettings, log: Logger): void {
  if (changeLogin(connection, settings)) return;
  log.warn('a connection to a cluster keeps its login; restart this process to use another one');
}

function whatIsWrong(error: Error): string {
  if (refusesUs(error))
    return 'Redis refuses the connection; fix the user and password in the URL, or the ACL. Retrying';
  if (isSilence(error)) return 'Redis stopped answering on an open connection; reconnecting';
  return 'Redis is unreachable; retrying';
}

/** How often a demoted master is left at most, and how long after the start for the first time: it may be all that there is. */
const LEAVE_EVERY_MS = 2_000;

/** @returns says of an error what ioredis is to do. 1: end the socket, and let the command fail; its sender knows whether to send it again */
function leavesDemotedMaster(): (error: Error) => 1 | false {
  let leftAt = performance.now();
  return (error) => {
    if (!error.message.startsWith('READONLY') || performance.now() - leftAt < LEAVE_EVERY_MS) return false;
    leftAt = performance.now();
    return 1;
  };
}

/**
 * BullMQ takes copies of a connection to wait on. What waits hears nothing for long; but when nothing comes back on the connection itself, its
 * copies lead nowhere either.
 */
function letBlockingOnesWait(connection: Redis): void {
  const duplicate = connection.duplicate.bind(connection);
  const copies = new Set<Redis>();
  connection.duplicate = (override) => {
    const copy = duplicate({ ...override, socketTimeout: override?.socketTimeout ?? BLOCKING_SILENCE_MS });
    copies.add(copy);
    copy.once('end', () => copies.delete(copy));
    return copy;
  };
  connection.on('error', (error: Error) => {
    if (isSilence(error)) for (const copy of copies) if (copy.status === 'ready') copy.disconnect(true);
  });
}

function isSilence(error: Error): boolean {
  return error.message.startsWith('Socket timeout');
}

/** Quick at first, at most half a second apart: an outage ends for us soon after it ends. */
function retryStrategy(times: number): number {
  return Math.min(25 * times, 500);
}
