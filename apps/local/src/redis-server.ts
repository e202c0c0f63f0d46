import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { OperatorError } from '@holdfast/app-kit';
import { Redis } from 'ioredis';

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
  const probe = new Redis(url, {
    lazyConnect: true,
    connectTimeout: 1_000,
    commandTimeout: 1_000,
    enableReadyCheck: false,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  probe.on('error', () => {}); // the answer says it
  try {
    await probe.connect();
    return (await probe.ping()) === 'PONG';
  } catch {
    return false;
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
