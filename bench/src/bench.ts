import { availableParallelism, cpus } from 'node:os';
import { startRedis } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { CONTENDERS, type ContenderName } from './contenders/contender.ts';
import type { BenchOptions } from './options.ts';
import { redisVersion } from './redis-usage.ts';
import { type Measurement, takeTurn } from './turn.ts';

export type Round = Readonly<Record<ContenderName, Measurement>>;

export interface BenchRun {
  readonly date: string;
  readonly machine: {
    readonly cpu: string;
    readonly cores: number;
    readonly node: string;
    readonly redis: string;
  };
  readonly rounds: readonly Round[];
}

export interface BenchProgress {
  onTurn(round: number, contender: ContenderName): void;
  onTurnDone(): void;
  onEnd(): void;
}

/** A worker that has run this much is as fast as it gets. */
const WARM_UP_RUNS = 500;
const ONE_AT_A_TIME = 200;

/** Measures all contenders in every round, each time in another order, on a Redis of its own that is gone afterwards. */
export async function runBench(options: BenchOptions, progress: BenchProgress): Promise<BenchRun> {
  const server = await startRedis(['--auto-aof-rewrite-percentage', '0']);
  const redis = new Redis(server.url, { maxRetriesPerRequest: null });
  try {
    const runs = Math.floor(options.runs / options.rounds);
    const plan = {
      ...{ redisUrl: server.url, runs, concurrency: options.concurrency },
      ...{
        warmUpRuns: Math.min(WARM_UP_RUNS, runs),
        oneAtATime: Math.min(ONE_AT_A_TIME, Math.ceil(runs / 10)),
      },
    };
    const rounds: Round[] = [];
    for (let round = 1; round <= options.rounds; round += 1) {
      const measured = new Map<ContenderName, Measurement>();
      for (const contender of inTurn(round)) {
        progress.onTurn(round, contender);
        measured.set(contender, await takeTurn({ ...plan, contender }, redis));
        progress.onTurnDone();
      }
      rounds.push(roundOf(measured));
    }
    return {
      date: new Date().toISOString(),
      machine: {
        cpu: cpus()[0]?.model.trim() ?? 'unknown',
        cores: availableParallelism(),
        node: process.versions.node,
        redis: await redisVersion(redis),
      },
      rounds,
    };
  } finally {
    progress.onEnd();
    redis.disconnect();
    await server.stop();
  }
}

/** Whoever comes first in a round comes last in another. */
function inTurn(round: number): readonly ContenderName[] {
  const from = (round - 1) % CONTENDERS.length;
  return [...CONTENDERS.slice(from), ...CONTENDERS.slice(0, from)];
}

function roundOf(measured: ReadonlyMap<ContenderName, Measurement>): Round {
  const of = (contender: ContenderName) => {
    const measurement = measured.get(contender);
    if (!measurement) throw new Error(`${contender} was not measured`);
    return measurement;
  };
  return { bare: of('bare'), byHand: of('byHand'), holdfast: of('holdfast') };
}
