import { OperatorError, redisUrl } from '@holdfast/app-kit';
import { Cluster, Redis } from 'ioredis';
import type { Io } from './io.ts';
import { redisUrlOf } from './system.ts';

const CONNECT_MS = 5_000;
const COMMAND_MS = 30_000;

/** Connects, hands the connection over, and closes it. @throws OperatorError when Redis cannot be reached or is not told */
export async function withRedis<T>(
  io: Io,
  told: string | undefined,
  use: (connection: Redis | Cluster) => Promise<T>,
): Promise<T> {
  const text = redisUrlOf(io, told);
  const parsed = redisUrl.safeParse(text);
  if (!parsed.success) {
    throw new OperatorError(
      `${withoutPassword(text)} is no Redis URL: ${parsed.error.issues[0]?.message ?? ''}`,
    );
  }
  const connection = connect(parsed.data);
  try {
    await reached(connection, withoutPassword(text));
    return await use(connection);
  } finally {
    connection.disconnect();
  }
}

export function withoutPassword(urls: string): string {
  return urls.replaceAll(/\/\/[^/@]*@/g, '//…@');
}

function connect([only, ...more]: readonly [string, ...string[]]): Redis | Cluster {
  const options = {
    ...{ connectTimeout: CONNECT_MS, commandTimeout: COMMAND_MS, maxRetriesPerRequest: 0 },
    retryStrategy: () => null,
  };
  return more.length === 0
    ? new Redis(only, options)
    : new Cluster([only, ...more], { redisOptions: options, clusterRetryStrategy: () => null });
}

/** @throws OperatorError with the reason that the connection gave */
function reached(connection: Redis | Cluster, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let reason = `no answer within ${CONNECT_MS / 1000} s`;
    const fail = () => {
      clearTimeout(timer);
      const text = `Redis at ${url} cannot be reached: ${reason}.\nIs it running, and is the address right?`;
      reject(new OperatorError(text));
    };
    const timer = setTimeout(fail, CONNECT_MS);
    connection.on('error', (error: Error) => {
      reason = error.message || reason;
    });
    connection.once('end', fail);
    connection.once('ready', () => {
      clearTimeout(timer);
      connection.off('end', fail);
      resolve();
    });
  });
}
