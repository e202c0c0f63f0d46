import { setTimeout as delay } from 'node:timers/promises';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { forkSubmitter, forkWorker } from './child.ts';
import { contenders } from './contenders/all.ts';
import type { ContenderName } from './contenders/contender.ts';
import { monotonicMs } from './protocol.ts';
import { redisUsage } from './redis-usage.ts';
import { percentile } from './statistics.ts';

const EMPTY_WITHIN_MS = 120_000;
const LOOK_EVERY_MS = 5;

/** What one contender did in one round. CPU and AOF are those of the end-to-end part. */
export interface Measurement {
  /** Submitting and working at the same time, from the first submit to the last run's end. */
  readonly runsPerSecond: number;
  /** All runs are queued before the worker starts; from the first run's begin to the last one's end. */
  readonly drainedPerSecond: number;
  /** One run at a time, from its submit to its end seen. */
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly workerCpuMsPerRun: number;
  readonly submitterCpuMsPerRun: number;
  readonly redisCpuMsPerRun: number;
  readonly workerPeakRssBytes: number;
  readonly aofBytesPerRun: number;
}

export interface TurnPlan {
  readonly contender: ContenderName;
  readonly redisUrl: string;
  /** In each of the two parts that measure throughput. */
  readonly runs: number;
  readonly warmUpRuns: number;
  readonly oneAtATime: number;
  readonly concurrency: number;
}

/** One contender's part of a round, with a worker and a submitter of its own, each in its own process. */
export async function takeTurn(plan: TurnPlan, redis: Redis): Promise<Measurement> {
  const { contender: name, redisUrl, runs, warmUpRuns, oneAtATime, concurrency } = plan;
  const contender = contenders[name];
  const worker = forkWorker({ contender: name, redisUrl });
  const submitter = forkSubmitter({ contender: name, redisUrl });
  const queue = new Queue(contender.queue.name, { connection: redis, prefix: contender.queue.prefix });
  const submit = (count: number) => submitter.ask({ do: 'submit', count, inFlight: concurrency });
  const usage = async () => ({ worker: await worker.ask({ do: 'report' }), redis: await redisUsage(redis) });

  try {
    await worker.ask({ do: 'start', concurrency });
    const warm = await submit(warmUpRuns);
    await empty(queue);

    const before = await usage();
    const from = monotonicMs();
    const submitting = await submit(runs);
    await empty(queue);
    const endToEndMs = monotonicMs() - from;
    const after = await usage();

    const { latenciesMs } = await submitter.ask({ do: 'submit_one_at_a_time', count: oneAtATime });

    await worker.ask({ do: 'stop' });
    await submit(runs);
    await worker.ask({ do: 'start', concurrency });
    await empty(queue);
    const drainedAtMs = monotonicMs();
    const last = await worker.ask({ do: 'stop' });

    const all = warmUpRuns + runs + oneAtATime + runs;
    expectWork(contender.label, last, { runs: all, steps: all * contender.stepsPerRun });
    return {
      runsPerSecond: (runs / endToEndMs) * 1_000,
      drainedPerSecond: (runs / (drainedAtMs - (last.firstRunAtMs ?? Number.NaN))) * 1_000,
      p50Ms: percentile(latenciesMs, 50),
      p99Ms: percentile(latenciesMs, 99),
      workerCpuMsPerRun: (after.worker.cpuMs - before.worker.cpuMs) / runs,
      submitterCpuMsPerRun: (submitting.cpuMs - warm.cpuMs) / runs,
      redisCpuMsPerRun: (after.redis.cpuMs - before.redis.cpuMs) / runs,
      workerPeakRssBytes: last.peakRssBytes,
      aofBytesPerRun: (after.redis.aofBytes - before.redis.aofBytes) / runs,
    };
  } finally {
    await Promise.all([worker.end(), submitter.end()]);
    await queue.close();
    await redis.flushall();
  }
}

/** Resolves once no job waits or is worked on; finished ones are removed at once. */
async function empty(queue: Queue): Promise<void> {
  for (const giveUpAtMs = monotonicMs() + EMPTY_WITHIN_MS; monotonicMs() < giveUpAtMs; ) {
    const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'failed');
    if (counts.failed) throw new Error(`${counts.failed} jobs of queue "${queue.name}" failed`);
    if (!counts.waiting && !counts.active && !counts.delayed) return;
    await delay(LOOK_EVERY_MS);
  }
  throw new Error(`queue "${queue.name}" was not empty within ${EMPTY_WITHIN_MS} ms`);
}

/** A fast contender that leaves work out is none. */
function expectWork(
  label: string,
  done: { readonly runs: number; readonly steps: number },
  wanted: { readonly runs: number; readonly steps: number },
): void {
  if (done.runs === wanted.runs && done.steps === wanted.steps) return;
  throw new Error(
    `${label} executed ${done.runs} runs and ${done.steps} steps; expected ${wanted.runs} and ${wanted.steps}`,
  );
}
