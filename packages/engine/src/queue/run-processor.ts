import { DelayedError, type Processor } from 'bullmq';
import type { Classify } from '../contract/failures/failure-of.ts';
import { Calls } from '../drive/attempt.ts';
import type { Executor } from '../drive/executor.ts';
import type { RunJob } from './jobs.ts';

/** How long a second delivery of a run is put off that this worker is driving. */
const STILL_DRIVEN_MS = 1_000;

/** True while the worker drives the run that this job carries. */
export function isUnderWay(underWay: ReadonlyMap<Calls, string>, jobId: string): boolean {
  for (const each of underWay.values()) if (each === jobId) return true;
  return false;
}

/**
 * What a worker does with a job: it drives the run as far as it goes now, and parks the job when the run goes on later.
 * @param underWay the calls of all runs that the worker has, by the job that carries each, so that it can give them up
 * @param dropped told of a run that the worker no longer drives, though it may still own it
 * @param classify tried first on what a step throws
 * @param send sends to a Redis that may take no writes for a while; the run is parked by then, and its job must follow
 */
export function runProcessor(
  executor: Executor,
  flow: string,
  underWay: Map<Calls, string>,
  dropped: (runId: string) => void,
  send: (command: () => Promise<void>) => Promise<void> = (command) => command(),
  classify?: Classify,
): Processor<RunJob> {
  return async (job, token) => {
    const jobId = job.id ?? '';
    if (isUnderWay(underWay, jobId)) {
      // BullMQ took it for stalled while the event loop was busy
      await job.moveToDelayed(Date.now() + STILL_DRIVEN_MS, token);
      throw new DelayedError();
    }
    const calls = new Calls(classify);
    underWay.set(calls, jobId);
    try {
      const verdict = await executor.execute({ id: jobId, runId: job.data.runId, flow }, calls);
      if (verdict.kind === 'ends') return;
      await send(() => job.moveToDelayed(Date.now() + verdict.delayMs, token));
    } catch (error) {
      dropped(job.data.runId);
      throw error;
    } finally {
      underWay.delete(calls);
    }
    throw new DelayedError();
  };
}
