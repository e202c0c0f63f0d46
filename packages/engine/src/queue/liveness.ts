import { once } from 'node:events';
import { Worker as Thread } from 'node:worker_threads';

export interface LivenessPlan {
  readonly workerId: string;
  readonly urls: readonly [string, ...string[]];
  readonly everyMs: number;
  /** How long one proof of life holds. */
  readonly holdsMs: number;
}

/** What the thread tells after each proof. */
export interface LifeProof {
  /** Redis has lost writes since the last proof. */
  readonly wentBack: boolean;
}

/** Reached from `src` and `dist` alike: a thread runs compiled code only. */
const THREAD = new URL('../../dist/queue/liveness-thread.js', import.meta.url);

export interface Liveness {
  /** Resolves at the first proof. */
  readonly proved: Promise<unknown>;
  stop(): Promise<void>;
}

/** Proves that this process is alive, from a thread of its own, until stopped; notices when Redis has lost writes. */
export function startLiveness(plan: LivenessPlan, onWentBack: () => void): Liveness {
  const thread = new Thread(THREAD, { workerData: plan });
  thread.on('message', (proof: LifeProof) => {
    if (proof.wentBack) onWentBack();
  });
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
