import { createLogger } from '@holdfast/app-kit';
import type { HoldfastConfig } from '@holdfast/project';
import { environmentWith } from './environment.ts';

export interface WorkerOptions {
  /** @default `HOLDFAST_REDIS_URL` */
  readonly redisUrl?: string;
  /** Runs at once, 1 to 10,000. @default `HOLDFAST_CONCURRENCY` */
  readonly concurrency?: number;
}

export interface EmbeddedWorker {
  /** Takes no more runs and finishes the steps under way, at most 25 s; what is cut off is finished by other workers. */
  stop(): Promise<void>;
}

/**
 * Runs a worker in this process, configured by the environment like `holdfast worker`; it serves no health. Resolves once it takes runs, or
 * while Redis is unreachable: then it takes them as soon as Redis is there.
 * @example const worker = await startWorker(config); process.once('SIGTERM', () => worker.stop());
 * @throws ConfigError naming every variable that does not fit
 * @throws OperatorError when Redis could lose runs that were accepted, or refuses the connection
 */
export async function startWorker(
  project: HoldfastConfig,
  { redisUrl, concurrency }: WorkerOptions = {},
): Promise<EmbeddedWorker> {
  // loaded here alone: whoever defines a flow imports this package too
  const { connectWorker, readWorkerConfig, runsOf } = await import('@holdfast/worker');
  const { flows, providers = [] } = project;
  const config = readWorkerConfig(
    providers,
    environmentWith({
      HOLDFAST_REDIS_URL: redisUrl,
      HOLDFAST_CONCURRENCY: concurrency === undefined ? undefined : String(concurrency),
    }),
  );
  const log = createLogger('worker', config.logLevel);
  const worker = connectWorker(config, flows, log, runsOf(project));
  try {
    await worker.preflight.firstTry();
  } catch (error) {
    await worker.close();
    throw error;
  }
  worker.takesRuns.catch((error: unknown) => log.error({ err: error }, 'the worker takes no runs'));
  return { stop: () => worker.close() };
}
