import type { Run } from './flow-types.ts';

const SETTLED: ReadonlySet<string> = new Set(['completed', 'failed', 'cancelled', 'dead']);

/** While events come, the run is asked for this often all the same: a proxy may hold events back. */
const WHILE_TOLD_MS = 5_000;
/** How often it is asked for while no events come, or none can be had; half as long again each time. */
const UNTOLD_MS = { first: 100, most: 2_000 } as const;

export interface RunSource {
  get(): Promise<Run>;
  /** The run as it stands, and whenever that changes. */
  events(signal: AbortSignal): AsyncIterable<Run>;
}

export function isSettled({ status }: Run): boolean {
  return SETTLED.has(status);
}

/**
 * The run once it is settled, or as it stands when the signal aborts. Its events tell; it is also asked for from time to time.
 * @throws whatever asking for it throws
 */
export async function settled({ get, events }: RunSource, late?: AbortSignal): Promise<Run> {
  const left = new AbortController();
  const until = late ? AbortSignal.any([late, left.signal]) : left.signal;
  let told = false;
  let following = true;
  let settledRun: Run | undefined;
  const follow = async () => {
    for await (const run of events(until)) {
      told = true;
      if (!isSettled(run)) continue;
      settledRun = run;
      return;
    }
  };
  const followed = follow()
    .catch(() => {}) // the run is asked for instead, and what is wrong is said by that
    .finally(() => {
      following = false;
    });
  try {
    for (let pauseMs: number = UNTOLD_MS.first; ; pauseMs = Math.min(pauseMs * 1.5, UNTOLD_MS.most)) {
      const wasTold = told && following;
      const paused = pause(wasTold ? WHILE_TOLD_MS : pauseMs, until);
      await (following ? Promise.race([followed, paused]) : paused);
      if (settledRun) return settledRun;
      if (told && following && !wasTold && !late?.aborted) continue;
      const run = await get();
      if (isSettled(run) || late?.aborted) return run;
    }
  } finally {
    left.abort();
  }
}

/** Ends early when the signal aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done);
    if (signal.aborted) done();
  });
}
