import { Queue, Worker } from 'bullmq';
import type { Contender } from './contender.ts';
import type { RunInput } from './work.ts';

const queue = { name: 'bare', prefix: 'bull' };

/** A BullMQ job that does nothing: what the queue alone costs. */
export const bare: Contender = {
  label: 'bare BullMQ job',
  queue,
  stepsPerRun: 0,

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

  startWorker({ connection, concurrency, onRun }) {
    const worker = new Worker<RunInput>(
      queue.name,
      async () => {
        onRun();
      },
      { connection, prefix: queue.prefix, concurrency },
    );
    worker.on('error', console.error);
    return { close: () => worker.close() };
  },
};
