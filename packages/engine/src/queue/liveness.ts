import { once } from 'node:events';
import { Worker as Thread } from 'node:worker_threads';
import type { RedisSettings } from '@holdfast/redis';
import { BUSY_PACE } from './pace.ts';

export interface Life {
  readonly workerId: string;
  readonly redis: RedisSettings;
  /** How long the event loop may be blocked before the worker counts as dead all the same. */
  readonly hungAfterMs: number;
}

/** What the thread gets. */
export interface LivenessPlan extends Life {
  readonly shared: Int32Array<SharedArrayBuffer>;
}

/** Places in what main thread and thread share. */
export const SHARED = {
  /** Counted up by the main thread whenever it gets a turn. */
  pulse: 0,
  /** 1 while the worker has runs. */
  busy: 1,
} as const;

/** What the thread tells after each proof. */
export interface LifeProof {
  /** Redis has lost writes since the last proof. */
  readonly wentBack: boolean;
  readonly holdsMs: number;
}

/** What the thread is told: to prove more often at once, or to end. */
export type Order = 'hurry' | 'stop';

/** Reached from `src` and `dist` alike: a thread runs compiled code only. */
const THREAD = new URL('../../dist/queue/liveness-thread.js', import.meta.url);

export interface Liveness {
  /** Resolves at the first proof. */
  readonly proved: Promise<unknown>;
  /** How long the last proof of life holds, from when it was made. */
  readonly holdsMs: number;
  /** Says whether the worker has runs: then its life is proved often, each time for a short while. */
  setBusy(busy: boolean): void;
  stop(): Promise<void>;
}

/** Proves that this process is alive, from a thread of its own, until stopped; notices when Redis has lost writes. */
export function startLiveness(life: Life, onWentBack: () => void): Liveness {
  const shared = new Int32Array(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
  const pulsing = setInterval(() => Atomics.add(shared, SHARED.pulse, 1), BUSY_PACE.everyMs).unref();
  const plan: LivenessPlan = { ...life, shared };
  const thread = new Thread(THREAD, { workerData: plan });
  const tell = (order: Order) => thread.postMessage(order);
  let holdsMs = BUSY_PACE.holdsMs;
  thread.on('message', (proof: LifeProof) => {
    ({ holdsMs } = proof);
    if (proof.wentBack) onWentBack();
  });
  thread.unref();
  return {
    proved: once(thread, 'message'),
    get holdsMs() {
      return holdsMs;
    },
    setBusy(busy) {
      const before = Atomics.exchange(shared, SHARED.busy, busy ? 1 : 0);
      if (busy && before === 0 && holdsMs > BUSY_PACE.holdsMs) tell('hurry');
    },
    async stop() {
      clearInterval(pulsing);
      const gone = once(thread, 'exit');
      tell('stop');
      await gone;
    },
  };
}
