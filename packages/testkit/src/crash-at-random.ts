import type { Flow } from '@holdfast/engine';
import type { Providers } from './providers.ts';
import { startRedis } from './redis.ts';
import type { Ending, Scenario } from './scenario.ts';
import { CALL_FAULTS, COMMAND_FAULTS, Schedule } from './schedule.ts';
import { chooseSeed, pick, type Random, seededRandom } from './seeded-random.ts';
import { Stage } from './stage.ts';

export interface RandomCrashOptions<I> extends Omit<Scenario<I>, 'flow' | 'input' | 'expect'> {
  /** How many executions. */
  readonly executions: number;
  /** The input of each is drawn. */
  readonly draw: (random: Random) => I;
  /** How likely a fault is at each point, from 0 to 1. Default 0.05. */
  readonly chance?: number;
  /** At most so many in one execution. Default 6. */
  readonly maxFaults?: number;
  /** What the first execution is drawn by; the next has the next whole number. Default: `HOLDFAST_SEED`, else a new one. */
  readonly seed?: number;
  readonly redisUrl?: string;
  readonly expect: (ending: Ending, input: I) => void;
}

export interface RandomCrashReport {
  readonly seed: number;
  readonly executions: number;
  readonly faults: number;
  readonly ms: number;
}

/**
 * Runs a flow many times, each with an input and faults that are drawn; each time the run must come to rest and the oracle must hold.
 * @throws Error with the seed, the input and the trace of the first that did not
 */
export async function crashAtRandom<I>(
  flow: (providers: Providers) => Flow<I>,
  options: RandomCrashOptions<I>,
): Promise<RandomCrashReport> {
  const startedAt = performance.now();
  const { executions, seed = chooseSeed(), chance = 0.05, maxFaults = 6, draw } = options;
  const redis = options.redisUrl === undefined ? await startRedis(['--appendonly', 'no']) : undefined;
  const scenario = { ...options, flow, input: draw(seededRandom(seed)), expect: () => {} };
  const stage = new Stage<I>(scenario, redis?.url ?? options.redisUrl ?? '');
  let faults = 0;
  try {
    await stage.store.loadScripts();
    for (let nth = 0; nth < executions; nth += 1) {
      const random = seededRandom(seed + nth);
      const input = draw(random);
      const schedule: Schedule = new Schedule(({ kind }) => {
        if (schedule.landed.length >= maxFaults || random() >= chance) return undefined;
        return pick(random, kind === 'command' ? COMMAND_FAULTS : CALL_FAULTS);
      });
      const recovery = pick(random, ['takeover', 'redelivery'] as const);
      try {
        options.expect(await stage.perform({ schedule, recovery, input }), input);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        const how = `HOLDFAST_SEED=${seed + nth}, recovery by ${recovery}, input ${JSON.stringify(input)}`;
        throw new Error(`${why}\n${how}\ntrace:\n  ${schedule.trace.join('\n  ')}`);
      }
      faults += schedule.landed.length;
    }
    return { seed, executions, faults, ms: Math.round(performance.now() - startedAt) };
  } finally {
    await stage.close();
    await redis?.stop();
  }
}
