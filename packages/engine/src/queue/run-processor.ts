import { DelayedError, type Processor } from 'bullmq';
import { Calls } from '../drive/attempt.ts';
import type { Executor } from '../drive/executor.ts';
import type { RunJob } from './jobs.ts';

/**
 * What a worker does with a job: it drives the run as far as it goes now, and parks the job when the run goes on later.
 * @param underWay the calls of all runs that the worker has, by the job that carries each, so that it can give them up
 * @param send sends to a Redis that may take no writes for a while; the run is parked by then, and its job must follow
 */
export function runProcessor(
  executor: Executor,
  flow: string,
  underWay: Map<Calls, string>,
  send: (command: () => Promise<void>) => Promise<void> = (command) => command(),
): Processor<RunJob> {
  return async (job, token) => {
    const jobId = job.id ?? '';
    const calls = new Calls();
    underWay.set(calls, jobId);
    try {
      const verdict = await executor.execute({ id: jobId, runId: job.data.runId, flow }, calls);
      if (verdict.kind === 'ends') return;
      await send(() => job.moveToDelayed(Date.now() + verdict.delayMs, token));
    } finally {
      underWay.delete(calls);
    }
    throw new DelayedError();
  };
}
