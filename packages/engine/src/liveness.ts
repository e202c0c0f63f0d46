import { once } from 'node:events';
import { Worker as Thread } from 'node:worker_threads';

export interface LivenessPlan {
  readonly workerId: string;
  readonly urls: readonly [string, ...string[]];
  readonly everyMs: number;
  /** How long one proof of life holds. */
  readonly holdsMs: number;
}

/** Reached from `src` and `dist` alike: a thread runs compiled code only. */
const THREAD = new URL('../dist/liveness-thread.js', import.meta.url);

export interface Liveness {
  /** Resolves at the first proof. */
  readonly proved: Promise<unknown>;
  stop(): Promise<void>;
}

/** Proves that this process is alive, from a thread of its own, until stopped. */
export function startLiveness(plan: LivenessPlan): Liveness {
  const thread = new Thread(THREAD, { workerData: plan });
  thread.unref();
  return {
    proved: once(thread, 'message'),
    async stop() {
      const gone = once(thread, 'exit');
      thread.postMessage('stop');
      await gone;
    },
  };
}
