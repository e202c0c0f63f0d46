import { setTimeout as delay } from 'node:timers/promises';
import { isOver, type RunRecord } from './outside/records.ts';
import type { Shop } from './outside/shop.ts';
import type { People } from './people.ts';

/** For a call that a provider holds: what is in doubt is answered only once nothing of it is on its way. */
const NOTHING_ON_ITS_WAY_MS = 5_000;
const EVERY_MS = 300;
/** How often a person does something about one dead run before giving up: one act for each effect, and two. */
const ACTS_PER_RUN = 6;

/**
 * People look at every run until each is over: they answer for what is in doubt, redrive what is dead and tell what waits for a payment
 * to look again.
 * @returns ids of runs that are not over when the time is up, or that nothing people did could end
 */
export async function heal(
  runs: ReadonlyMap<string, RunRecord>,
  {
    shop,
    people,
    timeoutMs,
    signal,
  }: {
    readonly shop: Shop;
    readonly people: People;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  },
): Promise<string[]> {
  const startedAt = performance.now();
  const acts = new Map<string, number>();
  let open = [...runs.keys()];
  while (open.length > 0 && performance.now() - startedAt < timeoutMs) {
    signal.throwIfAborted();
    const left: string[] = [];
    for (const id of open) {
      const run = await shop.run(id).catch(() => undefined);
      if (run && isOver(run.status)) continue;
      left.push(id);
      if (run?.waitingFor?.kind === 'signal') await people.signal(run);
      if (run?.status !== 'dead' || performance.now() - startedAt < NOTHING_ON_ITS_WAY_MS) continue;
      const done = acts.get(id) ?? 0;
      acts.set(id, done + 1);
      if (done === 0 && run.error?.kind === 'in_doubt') await people.answer(run);
      else if (done < ACTS_PER_RUN / 2) await people.redrive(run);
      else if (done < ACTS_PER_RUN) (await people.answer(run)) ?? (await people.cancelLetter(run));
    }
    open = left;
    await delay(EVERY_MS, undefined, { signal });
  }
  return open;
}
