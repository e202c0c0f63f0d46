import type { Journal } from '../journal/journal.ts';
import type { Jobs } from './jobs.ts';

/** Woken in one script, during which Redis does nothing else, and at one time. */
const BATCH = 100;
const MOST = 1_000;

/**
 * Wakes runs that no pause holds back any more. One whose promotion is lost is brought back by its alarm.
 * @param from where an earlier call stopped
 * @returns where the next call goes on; undefined when all are woken
 */
export async function wakeResumed(
  journal: Pick<Journal, 'wakeResumed'>,
  jobs: Pick<Jobs, 'promote'>,
  from?: string,
): Promise<string | undefined> {
  let at = from;
  for (let count = 0; count < MOST; count += BATCH) {
    const { woken, next } = await journal.wakeResumed(at, BATCH);
    await Promise.all(woken.map(({ flow, jobId }) => jobs.promote(flow, jobId)));
    at = next;
    if (at === undefined) return undefined;
  }
  return at;
}
