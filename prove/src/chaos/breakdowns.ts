import { setTimeout as delay } from 'node:timers/promises';
import { pick, type Random, waitFor } from '@holdfast/testkit';
import { shuffled } from '../load/mix.ts';
import type { Crash } from '../oracle/facts.ts';
import { pidsOf } from '../outside/gather.ts';
import { LOCK_MS, type ProvedSystem } from '../system.ts';
import type { Landings } from './landings.ts';

/** Something that happens to processes or to their connections. Resolves once it has taken hold and is over. */
interface Breakdown {
  readonly kind: string;
  readonly part: Crash['part'];
  readonly happen: (system: ProvedSystem, random: Random, over: AbortSignal) => Promise<void>;
}

/** How long a stopped worker stands still: its lock runs out, and others take its runs. */
const STANDS_STILL_MS = LOCK_MS + 2_000;
const NOTICED_WITHIN_MS = 5_000;
const BACK_WITHIN_MS = 60_000;
/** Until the next breakdown, at least and at most. */
const QUIET_MS = [400, 1_500] as const;

const BREAKDOWNS: readonly Breakdown[] = [
  {
    kind: 'API killed',
    part: 'api',
    happen: (system) => kill(system, 'api', pidsOf(system.processes(), 'api')),
  },
  {
    kind: 'worker killed',
    part: 'workers',
    happen: (system, random) =>
      kill(system, 'workers', [pick(random, pidsOf(system.processes(), 'workers'))]),
  },
  {
    kind: 'all workers killed',
    part: 'workers',
    happen: (system) => kill(system, 'workers', pidsOf(system.processes(), 'workers')),
  },
  { kind: 'Redis killed', part: 'redis', happen: ({ redis }) => redis.kill() },
  { kind: 'worker stopped', part: 'workers', happen: standStill },
  { kind: 'reply of Redis lost', part: 'redis', happen: loseReplies },
  {
    kind: 'sockets to Redis frozen',
    part: 'redis',
    happen: async ({ redis }) => redis.proxy.freeze(),
  },
  { kind: 'master demoted', part: 'redis', happen: demote },
];

/** Lets breakdowns happen, one after the other, until told to stop, each kind once before any comes again. */
export async function breakDown(
  system: ProvedSystem,
  {
    random,
    landings,
    over,
  }: { readonly random: Random; readonly landings: Landings; readonly over: AbortSignal },
): Promise<void> {
  for (const { kind } of BREAKDOWNS) landings.planned.add(kind);
  while (!over.aborted) {
    for (const { kind, part, happen } of shuffled(random, BREAKDOWNS)) {
      if (over.aborted) return;
      const at = Date.now();
      await happen(system, random, over);
      // who was cut off for long has lost its runs, and learns so when it renews its locks
      system.crashes.push({ part, at, until: Date.now() + LOCK_MS + NOTICED_WITHIN_MS });
      landings.landed(kind, at);
      const [least, most] = QUIET_MS;
      await delay(least + random() * (most - least), undefined, { signal: over }).catch(() => {});
    }
  }
}

/** Kills processes with SIGKILL, and waits until others stand in their places. */
async function kill(system: ProvedSystem, part: Crash['part'], pids: readonly number[]): Promise<void> {
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  const replaced = () => pidsOf(system.processes(), part).every((pid) => !pids.includes(pid));
  await waitFor(replaced, { what: `${part} to be started again`, timeoutMs: BACK_WITHIN_MS });
}

async function standStill(system: ProvedSystem, random: Random, over: AbortSignal): Promise<void> {
  const pid = pick(random, pidsOf(system.processes(), 'workers'));
  process.kill(pid, 'SIGSTOP');
  try {
    await delay(STANDS_STILL_MS, undefined, { signal: over }).catch(() => {});
  } finally {
    process.kill(pid, 'SIGCONT');
    system.resumed.push(Date.now());
  }
}

async function demote({ redis, promotions }: ProvedSystem): Promise<void> {
  await redis.failOver();
  promotions.push(Date.now());
}

/** Three in a row, each of any command that changes something. Workers prove their life with such, so it does not take long. */
async function loseReplies({ redis }: ProvedSystem): Promise<void> {
  for (let lost = 0; lost < 3; lost += 1) {
    await redis.proxy.loseReplyTo(([name = '']) => /^(evalsha|eval)$/i.test(name));
  }
}
