import { fileVariable, OperatorError, readConfig, redisSettings, redisVariables } from '@holdfast/app-kit';
import { openRedis, type RedisConnection, whereIs } from '@holdfast/redis';
import type { Io } from './io.ts';
import { redisUrlOf } from './system.ts';

const CONNECT_MS = 5_000;
const COMMAND_MS = 30_000;
const OPTIONS = { connectTimeout: CONNECT_MS, commandTimeout: COMMAND_MS, maxRetriesPerRequest: 0 };

/** Connects, hands the connection over, and closes it. @throws OperatorError when Redis cannot be reached or is not told */
export async function withRedis<T>(
  io: Io,
  told: string | undefined,
  use: (connection: RedisConnection) => Promise<T>,
): Promise<T> {
  const settings = redisSettings(
    readConfig(redisVariables, {
      ...io.env,
      HOLDFAST_REDIS_URL: redisUrlOf(io, told),
      [fileVariable('HOLDFAST_REDIS_URL')]: undefined,
    }),
  );
  const connection = openRedis(settings, OPTIONS, () => null);
  try {
    await reached(connection, whereIs(settings.urls));
    return await use(connection);
  } finally {
    connection.disconnect();
  }
}

/** @throws OperatorError with the reason that the connection gave */
function reached(connection: RedisConnection, url: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let reason = `no answer within ${CONNECT_MS / 1000} s`;
    const fail = () => {
      clearTimeout(timer);
      const text = `Redis at ${url} is unreachable: ${reason}.\nCheck that it is running and that the address is right.`;
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
