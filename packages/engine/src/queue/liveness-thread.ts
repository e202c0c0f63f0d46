import { parentPort, workerData } from 'node:worker_threads';
import { openRedis } from '@holdfast/redis';
import { redisJournal } from '../journal/redis-journal.ts';
import { type LifeProof, type LivenessPlan, type Order, SHARED } from './liveness.ts';
import { BUSY_PACE, IDLE_PACE, STAYS_BUSY_MS } from './pace.ts';

// A thread of its own: a busy event loop in the main thread does not make the worker look dead, and a dead process does.
const { workerId, redis, hungAfterMs, shared } = workerData as LivenessPlan;
// a beat that could not be sent is worth nothing later
const options = {
  ...{ maxRetriesPerRequest: 0, enableOfflineQueue: false, commandTimeout: BUSY_PACE.holdsMs },
  // a demoted master, or a socket that nothing comes back from, is left for wherever the name leads now
  ...{
    socketTimeout: 2 * BUSY_PACE.holdsMs,
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
  },
};
const connection = openRedis(redis, options, () => BUSY_PACE.everyMs);
connection.on('error', () => {});
const journal = redisJournal({ connection, retentionMs: 0 });

/** A main thread that gets no turn for too long counts as hung: its runs are better off elsewhere. */
let lastPulse = -1;
let pulsedAt = 0;
const isHung = () => {
  const seen = Atomics.load(shared, SHARED.pulse);
  if (seen !== lastPulse) {
    lastPulse = seen;
    pulsedAt = performance.now();
  }
  return performance.now() - pulsedAt > hungAfterMs;
};

/**
 * A replica that has become the master: it may lack what the former one had taken, and a count that was just behind would not show it.
 * Redis starts a new history then, and says which one it goes on from.
 */
let history: string | undefined;
let promoted = false;
const seeWhoAnswers = async () => {
  if (!('info' in connection) || connection.isCluster) return;
  const replication = await connection.info('replication');
  const [now, before] = ['master_replid', 'master_replid2'].map(
    (name) => new RegExp(`^${name}:(\\w+)`, 'm').exec(replication)?.[1],
  );
  if (history !== undefined && now !== history && before === history) promoted = true;
  history = now;
};

let busyUntil = performance.now() + STAYS_BUSY_MS;
const isBusy = () => {
  const now = performance.now();
  if (Atomics.load(shared, SHARED.busy) === 1) busyUntil = now + STAYS_BUSY_MS;
  return now < busyUntil;
};

let lastCount = 0;
let nextAt = 0;
const beat = () => {
  const { everyMs, holdsMs } = isBusy() ? BUSY_PACE : IDLE_PACE;
  // a timer may be early by a little
  nextAt = performance.now() + everyMs - BUSY_PACE.everyMs / 2;
  if (isHung()) return;
  const afterPromotion = promoted;
  journal.proveLife(workerId, holdsMs, lastCount, afterPromotion).then(
    ({ count, wentBack }) => {
      if (afterPromotion) promoted = false;
      // answers may come out of order after a reconnect
      lastCount = Math.max(lastCount, count);
      const proof: LifeProof = { wentBack, holdsMs };
      parentPort?.postMessage(proof);
    },
    () => {
      nextAt = 0;
    },
  );
};
connection.on('ready', () => void seeWhoAnswers().then(beat, () => {}));
const timer = setInterval(() => {
  if (isBusy() || performance.now() >= nextAt) beat();
}, BUSY_PACE.everyMs);

parentPort?.on('message', (order: Order) => {
  if (order === 'hurry') return beat();
  clearInterval(timer);
  connection.disconnect();
  process.exit(); // ends the thread, whatever the connection still waits for
});
