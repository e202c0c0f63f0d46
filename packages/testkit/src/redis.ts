import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from './free-port.ts';
import { waitFor } from './wait-for.ts';

/** A Redis server of the test's own, on a free loopback port, with the settings that lose nothing. */
export interface TestRedis {
  readonly url: string;
  readonly port: number;
  /** Where its append-only file is. */
  readonly dataDir: string;
  readonly pid: number;
  /** Ends the process; the data stays. Resolves once it is gone. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Starts it again, same port, same data. Resolves once it answers. */
  start(): Promise<void>;
  /** Ends the process and forgets the data. */
  stop(): Promise<void>;
}

/** @param settings more `redis-server` arguments, such as `['--maxmemory', '3mb']`; later ones win */
export async function startRedis(settings: readonly string[] = []): Promise<TestRedis> {
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-redis-'));
  let child: ChildProcess | undefined;

  const start = async () => {
    const started = spawn(
      'redis-server',
      [
        ...['--port', String(port), '--bind', '127.0.0.1', '--dir', dataDir, '--save', ''],
        ...['--appendonly', 'yes', '--appendfsync', 'always', '--maxmemory-policy', 'noeviction'],
        ...settings,
      ],
      { stdio: 'ignore' },
    );
    child = started;
    await waitFor(() => answers(url), { what: `redis-server on port ${port} to answer` });
  };
  const kill = async (signal: NodeJS.Signals = 'SIGTERM') => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    child.kill(signal);
    await gone;
  };
  const endWithUs = () => child?.kill('SIGKILL');
  process.once('exit', endWithUs);

  await start();
  return {
    url,
    port,
    dataDir,
    get pid() {
      if (child?.pid === undefined) throw new Error('this redis-server is not running');
      return child.pid;
    },
    kill,
    start,
    stop: async () => {
      await kill('SIGKILL');
      process.off('exit', endWithUs);
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

async function answers(url: string): Promise<boolean> {
  const probe = new Redis(url, { lazyConnect: true, retryStrategy: () => null, maxRetriesPerRequest: 0 });
  probe.on('error', () => {});
  try {
    await probe.connect();
    return (await probe.ping()) === 'PONG';
  } catch {
    return false;
  } finally {
    probe.disconnect();
  }
}
