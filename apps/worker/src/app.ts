import { addHealthRoutes, connectRedis, createMetrics, type Logger, listen } from '@holdfast/app-kit';
import { startWorker } from '@holdfast/engine';
import { orderFlow } from '@holdfast/flows';
import { orderProviders } from '@holdfast/providers';
import Fastify from 'fastify';
import type { WorkerConfig } from './config.ts';

/** Time for the steps under way when the worker stops; then they are aborted and others go on. */
const DRAIN_MS = 25_000;

export interface RunningWorker {
  /** Where it answers `/livez`, `/readyz` and `/metrics`. */
  readonly url: string;
  close(): Promise<void>;
}

/** Wires flows, providers and the engine's worker together, and serves its health. */
export async function startWorkerApp(config: WorkerConfig, log: Logger): Promise<RunningWorker> {
  const redis = connectRedis(config.redisUrls, { for: 'worker' }, log);
  const providers = orderProviders(config.providers);
  const worker = startWorker({
    connection: redis,
    redisUrls: config.redisUrls,
    flows: [orderFlow(providers)],
    log,
    concurrency: config.concurrency,
    lock: config.lockMs,
    stalledCheck: config.stalledMs,
    retention: config.retentionMs,
    retryScale: config.retryScale,
  });

  let draining = false;
  const health = Fastify({ logger: false });
  addHealthRoutes(health, {
    check: () => worker.check(),
    draining: () => draining,
    metrics: createMetrics('worker'),
  });
  const close = async () => {
    draining = true;
    await worker.close(DRAIN_MS);
    await providers.close();
    await health.close();
    redis.disconnect();
  };
  try {
    return { url: await listen(health, config.host, config.port, 'HOLDFAST_WORKER_PORT'), close };
  } catch (error) {
    await close();
    throw error;
  }
}
