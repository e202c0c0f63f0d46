import { basename } from 'node:path';
import { watch } from 'chokidar';

/** Saves of a project's files. */
export interface Saves {
  /** Resolves after the next save, or at once when there was one since; also when the signal is aborted. */
  next(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

/** An editor saves by several writes and renames; they count as one. */
const SETTLES_AFTER_MS = 60;

const CODE = /\.(?:[cm]?[jt]s|json)$/;

/** Watches the code below the folder; what is installed, built or kept there is none of it. */
export function watchProject(folder: string): Saves {
  let saved = false;
  let tell = () => {};
  let settling: NodeJS.Timeout | undefined;
  const watcher = watch(folder, {
    ignoreInitial: true,
    ignored: (path, stats) => isForeign(path, folder) || (stats?.isFile() === true && !CODE.test(path)),
  });
  watcher.on('all', () => {
    clearTimeout(settling);
    settling = setTimeout(() => {
      saved = true;
      tell();
    }, SETTLES_AFTER_MS);
  });
  return {
    next: async (signal) => {
      if (!saved && !signal.aborted) {
        await new Promise<void>((resolve) => {
          tell = resolve;
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
      }
      saved = false;
    },
    close: async () => {
      clearTimeout(settling);
      await watcher.close();
    },
  };
}

function isForeign(path: string, folder: string): boolean {
  if (path === folder) return false;
  const name = basename(path);
  return name === 'node_modules' || name === 'dist' || name === 'coverage' || name.startsWith('.');
}
