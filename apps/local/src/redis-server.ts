import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { OperatorError } from '@holdfast/app-kit';
import { openRedis, type RedisSettings, whereIs } from '@holdfast/redis';

/**
 * The program that serves the embedded Redis.
 * @throws OperatorError when there is none
 */
export function findRedisServer(path: string | undefined): string {
  for (const name of ['redis-server', 'valkey-server']) {
    for (const dir of (path ?? '').split(delimiter)) {
      if (dir !== '' && isExecutable(join(dir, name))) return join(dir, name);
    }
  }
  throw new OperatorError(
    'There is no Redis: neither redis-server nor valkey-server is on PATH.\nInstall one, or set HOLDFAST_REDIS_URL to one that you have.',
  );
}

/** Settings that lose nothing that was acknowledged, on loopback only. */
export function redisArguments({ port, dataDir }: { port: number; dataDir: string }): string[] {
  return [
    ...['--bind', '127.0.0.1', '--port', String(port), '--protected-mode', 'yes', '--daemonize', 'no'],
    ...['--dir', dataDir, '--appendonly', 'yes', '--appendfsync', 'always'],
    ...['--no-appendfsync-on-rewrite', 'no', '--save', '', '--maxmemory-policy', 'noeviction'],
  ];
}

/** Whether it answers and has loaded its data. */
export async function answersPing(url: string): Promise<boolean> {
  return (await whyNoAnswer({ urls: [url] }, 1_000)) === undefined;
}

/**
 * For a Redis that somebody else runs; one that is still loading its data will do.
 * @throws OperatorError when it cannot be talked to
 */
export async function assertReachable(settings: RedisSettings): Promise<void> {
  const reason = await whyNoAnswer(settings, 3_000);
  if (reason === undefined || reason.startsWith('LOADING')) return;
  throw new OperatorError(
    `The Redis of HOLDFAST_REDIS_URL (${whereIs(settings.urls)}) is unreachable: ${reason}.\nStart or fix it, or unset the variable to have one started here.`,
  );
}

async function whyNoAnswer(settings: RedisSettings, timeoutMs: number): Promise<string | undefined> {
  let reason = `no answer within ${timeoutMs / 1_000} s`;
  const options = {
    ...{ lazyConnect: true, connectTimeout: timeoutMs, commandTimeout: timeoutMs },
    ...{ enableReadyCheck: false, maxRetriesPerRequest: 0 },
  };
  const probe = openRedis(settings, options, () => null);
  probe.on('error', (error: Error & { readonly lastNodeError?: Error }) => {
    reason = (error.lastNodeError ?? error).message || reason;
  });
  try {
    await probe.connect();
    await probe.ping();
    return undefined;
  } catch (error) {
    // a connection that never was says only that it is closed
    return error instanceof Error && error.name === 'ReplyError' ? error.message : reason;
  } finally {
    probe.disconnect();
  }
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
