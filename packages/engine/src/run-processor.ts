import { DelayedError, type Processor } from 'bullmq';
import { Calls } from './attempt.ts';
import type { Executor } from './executor.ts';
import type { RunJob } from './jobs.ts';

/**
 * What a worker does with a job: it drives the run as far as it goes now, and parks the job when the run goes on later.
 * @param underWay the calls of all runs that the worker has, so that it can give them up
 */
export function runProcessor(executor: Executor, flow: string, underWay: Set<Calls>): Processor<RunJob> {
  // BullMQ hands the signal to processors that name three parameters
  return async (job, token, signal) => {
    const calls = new Calls();
    underWay.add(calls);
    signal?.addEventListener('abort', () => calls.giveUp('run_lost'), { once: true });
    try {
      const verdict = await executor.execute({ id: job.id ?? '', runId: job.data.runId, flow }, calls);
      if (verdict.job === 'ends') return;
      await job.moveToDelayed(Date.now() + verdict.delayMs, token);
    } finally {
      underWay.delete(calls);
    }
    throw new DelayedError();
  };
}
