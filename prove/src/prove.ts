import { setTimeout as delay } from 'node:timers/promises';
import { seededRandom } from '@holdfast/testkit';
import { breakDown } from './chaos/breakdowns.ts';
import { Landings } from './chaos/landings.ts';
import { spoilCalls } from './chaos/provider-faults.ts';
import { heal } from './heal.ts';
import { judge, type Ran, type Verdict } from './judgement/verdict.ts';
import { Clients } from './load/clients.ts';
import { People } from './people.ts';
import { Progress } from './progress.ts';
import type { ProvedSystem } from './system.ts';

const PEOPLE = 3;
/** How much longer it may go on, for faults that have not taken hold yet and what people have not come to do. */
const LONGER_MS = 120_000;
/** For the last calls that are held, the look-ups after them and every retry; what waits for a rate that was learned may be put off by five minutes. */
const HEALED_WITHIN_MS = 360_000;
/** For what BullMQ and the sweep still have to put away, once every run is over. */
const AT_REST_WITHIN_MS = 45_000;

/** Load, faults and people at once; then all heals, and what is left is judged. */
export async function prove(
  system: ProvedSystem,
  {
    seconds,
    seed,
    signal,
  }: { readonly seconds: number; readonly seed: number; readonly signal: AbortSignal },
): Promise<{ readonly ran: Ran; readonly verdict: Verdict }> {
  const { shop, sandbox } = system;
  const landings = new Landings();
  const gaveUp = new AbortController();
  // a generator for each, so that how fast one draws changes nothing for the others
  const clients = new Clients(shop, seededRandom(seed), AbortSignal.any([signal, gaveUp.signal]));
  const people = new People(shop, sandbox);
  const progress = new Progress(
    () =>
      `${clients.accepted.size} accepted, ${landings.all.length} faults, ${shop.acts.length} acts of people`,
  );
  try {
    progress.phase('breaking');
    const quiet = new AbortController();
    const over = AbortSignal.any([signal, quiet.signal]);
    clients.start();
    const trouble = Promise.all([
      breakDown(system, { random: seededRandom(seed + 1), landings, over }),
      spoilCalls(sandbox, { random: seededRandom(seed + 2), landings, over }),
      ...Array.from({ length: PEOPLE }, (_, i) => people.meddle(clients, seededRandom(seed + 3 + i), over)),
    ]);
    await Promise.race([
      trouble,
      timeEnough(seconds, () => landings.missing.length + people.missing.length === 0, signal),
    ]);
    quiet.abort();
    await trouble;
    signal.throwIfAborted();

    progress.phase('healing');
    await sandbox.clearFaults();
    system.redis.proxy.heal();
    const stopped = clients.stop();
    const giveUp = setTimeout(() => gaveUp.abort(), HEALED_WITHIN_MS);
    await stopped;
    clearTimeout(giveUp);
    const open = await heal(shop.runs, { shop, people, timeoutMs: HEALED_WITHIN_MS, signal });

    progress.phase('judging');
    const look = async (): Promise<Ran> => ({
      facts: await system.facts(),
      ...{ sent: clients.sent.size, accepted: clients.accepted.size, open },
      ...{ landings: landings.all, planned: landings.planned },
    });
    const giveUpAt = performance.now() + AT_REST_WITHIN_MS;
    for (;;) {
      const ran = await look();
      const verdict = judge(ran);
      if (verdict.kind !== 'violated' || performance.now() > giveUpAt) return { ran, verdict };
      await delay(1_000, undefined, { signal });
    }
  } finally {
    progress.end();
  }
}

/** Resolves when the time is over and enough has happened, or when it is time to give that up. */
async function timeEnough(seconds: number, enough: () => boolean, signal: AbortSignal): Promise<void> {
  await delay(seconds * 1_000, undefined, { signal }).catch(() => {});
  const giveUpAt = performance.now() + LONGER_MS;
  while (!enough() && performance.now() < giveUpAt && !signal.aborted) await delay(250);
}
