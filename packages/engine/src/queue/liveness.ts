import { once } from 'node:events';
import { Worker as Thread } from 'node:worker_threads';
import type { RedisSettings } from '@holdfast/redis';

export interface Life {
  readonly workerId: string;
  readonly redis: RedisSettings;
  readonly everyMs: number;
  /** How long one proof of life holds. */
  readonly holdsMs: number;
  /** How long the event loop may be blocked before the worker counts as dead all the same. */
  readonly hungAfterMs: number;
}

/** What the thread gets. */
export interface LivenessPlan extends Life {
  /** Counted up by the main thread whenever it gets a turn. */
  readonly pulse: Int32Array<SharedArrayBuffer>;
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
export function startLiveness(life: Life, onWentBack: () => void): Liveness {
  const pulse = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const pulsing = setInterval(() => Atomics.add(pulse, 0, 1), life.everyMs).unref();
  const plan: LivenessPlan = { ...life, pulse };
  const thread = new Thread(THREAD, { workerData: plan });
  thread.on('message', (proof: LifeProof) => {
    if (proof.wentBack) onWentBack();
  });
  thread.unref();
  return {
    proved: once(thread, 'message'),
    async stop() {
      clearInterval(pulsing);
      const gone = once(thread, 'exit');
      thread.postMessage('stop');
      await gone;
    },
  };
}
