import { Queue, Worker } from 'bullmq';
import type { Contender } from './contender.ts';
import { type RunInput, STEPS, work } from './work.ts';

const queue = { name: 'by-hand', prefix: 'bull' };

/**
 * The checkpoints that people write by hand: one HGETALL, then one HSET per step. Nothing keeps a worker that lost its job from
 * writing, nothing brings a run back that fell between two stools, and the checkpoints are never cleared away.
 */
export const byHand: Contender = {
  label: 'BullMQ by hand',
  queue,
  stepsPerRun: STEPS.length,

  openSubmitter(connection) {
    const jobs = new Queue<RunInput>(queue.name, { connection, prefix: queue.prefix });
    return {
      async submit(n) {
        const job = await jobs.add('run', { order: n }, { removeOnComplete: true });
        return job.id ?? '';
      },
      close: () => jobs.close(),
    };
  },

  startWorker({ connection, concurrency, onRun, onStep }) {
    const worker = new Worker<RunInput>(
      queue.name,
      async (job) => {
        onRun();
        const key = `checkpoints:${job.id}`;
        const done = await connection.hgetall(key);
        for (const step of STEPS) {
          if (done[step] !== undefined) continue;
          onStep();
          const result = await work(step);
          await connection.hset(key, step, JSON.stringify(result));
        }
        return { done: true };
      },
      { connection, prefix: queue.prefix, concurrency },
    );
    worker.on('error', console.error);
    return { close: () => worker.close() };
  },
};
