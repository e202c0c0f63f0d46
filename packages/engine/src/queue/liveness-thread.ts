import { parentPort, workerData } from 'node:worker_threads';
import { Cluster, Redis } from 'ioredis';
import { redisJournal } from '../journal/redis-journal.ts';
import type { LifeProof, LivenessPlan } from './liveness.ts';

// A thread of its own: a busy event loop in the main thread does not make the worker look dead, and a dead process does.
const { workerId, urls, everyMs, holdsMs, hungAfterMs, pulse } = workerData as LivenessPlan;
const [only, ...more] = urls;
// a beat that could not be sent is worth nothing later
const options = {
  ...{ maxRetriesPerRequest: 0, enableOfflineQueue: false, commandTimeout: holdsMs },
  // a demoted master, or a socket that nothing comes back from, is left for wherever the name leads now
  ...{ socketTimeout: 2 * holdsMs, reconnectOnError: (error: Error) => error.message.startsWith('READONLY') },
};
const connection =
  more.length === 0
    ? new Redis(only, { ...options, retryStrategy: () => everyMs })
    : new Cluster([...urls], { redisOptions: options, clusterRetryStrategy: () => everyMs });
connection.on('error', () => {});
const journal = redisJournal({ connection, retentionMs: 0 });

/** A main thread that gets no turn for too long counts as hung: its runs are better off elsewhere. */
let lastPulse = -1;
let pulsedAt = 0;
const isHung = () => {
  const seen = Atomics.load(pulse, 0);
  if (seen !== lastPulse) {
    lastPulse = seen;
    pulsedAt = performance.now();
  }
  return performance.now() - pulsedAt > hungAfterMs;
};

let lastCount = 0;
const beat = () => {
  if (isHung()) return;
  journal.proveLife(workerId, holdsMs, lastCount).then(
    ({ count, wentBack }) => {
      // answers may come out of order after a reconnect
      lastCount = Math.max(lastCount, count);
      const proof: LifeProof = { wentBack };
      parentPort?.postMessage(proof);
    },
    () => {},
  );
};
connection.on('ready', beat);
const timer = setInterval(beat, everyMs);

parentPort?.once('message', () => {
  clearInterval(timer);
  connection.disconnect();
  parentPort?.close();
});
