import { existsSync, mkdirSync, rmSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { lockHome } from './home-lock.ts';

/** The directory that holds everything the embedded system keeps. */
export interface Home {
  readonly redisDir: string;
  readonly sandboxDir: string;
  readonly processesFile: string;
  /** The log of one child, emptied: it grows only as long as the system runs. */
  freshLog(name: string): string;
  /** Lets another system work here. */
  release(): void;
}

/**
 * @param reset forget the data: what Redis keeps and what the sandbox providers remember. Keys, passwords and logs stay.
 * @throws OperatorError when a system is running here
 */
export function openHome(path: string, { reset }: { readonly reset: boolean }): Home {
  const dirs = { redis: join(path, 'redis'), sandbox: join(path, 'sandbox'), logs: join(path, 'logs') };
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const unlock = lockHome(path);
  const processesFile = join(path, 'processes.json');
  rmSync(processesFile, { force: true }); // left by one that was killed
  if (reset) for (const dir of [dirs.redis, dirs.sandbox]) rmSync(dir, { recursive: true, force: true });
  for (const dir of Object.values(dirs)) mkdirSync(dir, { recursive: true, mode: 0o700 });
  return {
    redisDir: dirs.redis,
    sandboxDir: dirs.sandbox,
    processesFile,
    freshLog: (name) => {
      const file = join(dirs.logs, `${name}.log`);
      if (existsSync(file)) truncateSync(file);
      return file;
    },
    release: () => {
      rmSync(processesFile, { force: true });
      unlock();
    },
  };
}
