import {
  addHealthRoutes,
  connectRedis,
  createMetrics,
  type Logger,
  listen,
  Preflight,
} from '@holdfast/app-kit';
import { type Classify, type Flow, startWorker, type Worker } from '@holdfast/engine';
import { redisPins, redisStore, redisTokens } from '@holdfast/http';
import { createAlerts } from '@holdfast/operations';
import Fastify from 'fastify';
import { alertingHooks, alertingObserver } from './alerting.ts';
import type { WorkerConfig } from './config.ts';
import { ConnectedProviders } from './connected-providers.ts';
import { providerMetrics } from './provider-metrics.ts';
import { runMetrics } from './run-metrics.ts';

/** Time for the steps under way when the worker stops; then they are aborted and others go on. */
const DRAIN_MS = 25_000;

export interface RunningWorker {
  /** Where it answers `/livez`, `/readyz` and `/metrics`. */
  readonly url: string;
  /** Resolves once Redis was found good enough and runs are taken. Rejects with an OperatorError when it is not. */
  readonly takesRuns: Promise<void>;
  /** Connects the providers anew, with other keys of theirs and other encryption keys. Calls under way end with the old ones. */
  connectProviders(config: Pick<WorkerConfig, 'providers' | 'sealer'>): void;
  close(): Promise<void>;
}

/**
 * Wires flows, providers and the engine's worker together, and serves its health. It waits for Redis, however long that takes.
 * @param flows what it runs
 * @param classify tried first on what a step throws
 * @throws OperatorError when Redis is there and could lose runs that were accepted
 */
export async function startWorkerApp(
  config: WorkerConfig,
  flows: readonly Flow[],
  log: Logger,
  classify?: Classify,
): Promise<RunningWorker> {
  const redis = connectRedis(config.redis, { for: 'worker' }, log);
  const preflight = new Preflight({ connection: redis, ...config.preflight, log });
  const metrics = createMetrics('worker');
  const store = redisStore({ connection: redis });
  const alerts = config.alerts && createAlerts({ connection: redis, log, ...config.alerts });
  const observer = alertingObserver(providerMetrics(metrics, store, log), alerts);
  const pins = redisPins({ connection: redis });
  const providers = new ConnectedProviders(({ providers: connects, sealer }) => {
    const tokens = sealer && redisTokens({ connection: redis, sealer });
    const sharing = { store, pins, tokens, retryScale: config.retryScale, observer };
    return connects.map((connect) => connect(sharing));
  }, log);
  providers.connect(config);
  const names = [...new Set(flows.map(({ name }) => name))];
  const runObserver = runMetrics(metrics, redis, names);
  let worker: Worker | undefined;
  let draining = false;

  const health = Fastify({ logger: false });
  addHealthRoutes(health, {
    check: async () => {
      preflight.assertAdmitted();
      await worker?.check();
    },
    draining: () => draining,
    metrics,
    verbose: () => ({ redis: preflight.report }),
  });
  const close = async () => {
    draining = true;
    preflight.stop();
    await worker?.close(DRAIN_MS);
    alerts?.close();
    await providers.close();
    await health.close();
    redis.disconnect();
  };
  const takesRuns = preflight.admitted.then(() => {
    if (draining) return;
    worker = startWorker({
      connection: redis,
      redisUrls: config.redis.urls,
      redisTls: config.redis.tls,
      flows,
      observer: runObserver,
      log,
      concurrency: config.concurrency,
      lock: config.lockMs,
      stalledCheck: config.stalledMs,
      retention: config.retentionMs,
      retryScale: config.retryScale,
      ...(classify && { classify }),
      ...alertingHooks(alerts),
    });
    log.info({ concurrency: config.concurrency }, 'the worker takes runs');
  });
  takesRuns.catch(() => {}); // whoever started this hears of it where it waits
  try {
    await preflight.firstTry();
    return {
      url: await listen(health, config.host, config.port, 'HOLDFAST_WORKER_PORT'),
      takesRuns,
      connectProviders: (changed) => providers.connect(changed),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
