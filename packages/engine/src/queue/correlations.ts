import type { ClaimedRun, Journal } from '../journal/journal.ts';
import type { Reference } from '../journal/keys.ts';
import { sendSignal } from './child-runs.ts';
import type { Jobs } from './jobs.ts';

/** The signal that a run gets which waits for a reference to be registered. */
export const CORRELATED = 'correlated';

/** References by which others know what runs are about. */
export interface Correlations {
  /** @returns false when the run has another owner */
  register(run: ClaimedRun, reference: Reference): Promise<boolean>;
}

/** Who waits for a reference is told before it counts as registered, so that a crash in between has them told again. */
export function correlations(journal: Journal, jobs: Jobs): Correlations {
  return {
    async register(run, reference) {
      const waiting = await journal.correlate(run, reference);
      if (!waiting) return false;
      const id = `${CORRELATED}.${run.runId}.${run.generation}`;
      for (const runId of waiting) {
        const signal = { id, name: CORRELATED, payload: null };
        await sendSignal(journal, jobs, runId, signal, true);
      }
      await journal.forgetUncorrelated(run.tenant, reference, waiting);
      return true;
    },
  };
}
