import {
  addHealthRoutes,
  connectRedis,
  createMetrics,
  type Logger,
  listen,
  Preflight,
} from '@holdfast/app-kit';
import { type Classify, type Flow, type PayloadCodec, startWorker, type Worker } from '@holdfast/engine';
import { redisPins, redisStore, redisTokens } from '@holdfast/http';
import { createAlerts } from '@holdfast/operations';
import type { EventsOfFlows } from '@holdfast/outgoing';
import { type ConfigSchedule, checkCodec, type HoldfastConfig, latestOf } from '@holdfast/project';
import type { Sealer } from '@holdfast/redis';
import { type Sources, sourceNames, webhookFlow } from '@holdfast/webhooks';
import Fastify from 'fastify';
import type { Registry } from 'prom-client';
import { alertingHooks, alertingObserver } from './alerting.ts';
import type { WorkerConfig } from './config.ts';
import { adoptSchedules } from './config-schedules.ts';
import { ConnectedProviders } from './connected-providers.ts';
import { providerMetrics } from './provider-metrics.ts';
import { runMetrics } from './run-metrics.ts';
import { webhookPorts } from './webhook-ports.ts';
import { webhooksOut } from './webhooks-out.ts';

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

/** Flows, providers and the engine's worker, wired together; it listens on no port. */
export interface ConnectedWorker {
  readonly preflight: Preflight;
  readonly metrics: Registry;
  readonly draining: boolean;
  /** Resolves once Redis was found good enough and runs are taken. Rejects with an OperatorError when it is not. */
  readonly takesRuns: Promise<void>;
  readonly connectProviders: RunningWorker['connectProviders'];
  /** Rejects when it cannot do its work; the message says why. */
  check(): Promise<void>;
  /** Finishes the steps under way, as far as there is time, then releases everything that it holds. */
  close(): Promise<void>;
}

/** How the flows are run, beside what the environment says. */
export interface Runs {
  /** Tried first on what a step throws. */
  readonly classify?: Classify | undefined;
  /** Absent: payloads are kept as they are. */
  readonly codec?: PayloadCodec | undefined;
  readonly webhooks?: Sources | undefined;
  readonly schedules?: readonly ConfigSchedule[] | undefined;
  /** What the ends of flows mean to subscribers. */
  readonly events?: EventsOfFlows | undefined;
  /** Flows whose runs are accepted by routes of their own alone. */
  readonly elsewhere?: ReadonlySet<string>;
}

/** What a config says of it. */
export function runsOf({ classify, codec, webhooks, events, schedules, routes = [] }: HoldfastConfig): Runs {
  const elsewhere = routes.flatMap(({ acceptedThereAlone = {} }) => Object.keys(acceptedThereAlone));
  return { classify, codec, webhooks, events, schedules, elsewhere: new Set(elsewhere) };
}

export function connectWorker(
  config: WorkerConfig,
  projectFlows: readonly Flow[],
  log: Logger,
  { classify, codec, webhooks = {}, events = {}, schedules = [], elsewhere = new Set() }: Runs = {},
): ConnectedWorker {
  checkCodec(codec);
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
  const ports = webhookPorts({ connection: redis, flows: projectFlows, codec, elsewhere, alerts });
  const takesWebhooks = sourceNames(webhooks).length > 0;
  let { sealer } = config;
  const out =
    sealer &&
    webhooksOut({
      ...{ connection: redis, allow: config.webhookAllow, flows: projectFlows, codec, eventsOfFlows: events },
      ...{ retentionMs: config.retentionMs, retryScale: config.retryScale, alerts, log },
      sealer: () => {
        if (sealer) return sealer;
        throw new Error('HOLDFAST_ENCRYPTION_KEYS is not set any more');
      },
    });
  const flows = [
    ...projectFlows,
    ...(takesWebhooks ? [webhookFlow(webhooks, ports)] : []),
    ...(out ? [out.flow] : []),
  ];
  const names = [...new Set(flows.map(({ name }) => name))];
  const runObserver = runMetrics(metrics, redis, names);
  let worker: Worker | undefined;
  let draining = false;
  const stopping = new AbortController();

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
      tenantConcurrency: config.tenantConcurrency,
      publicUrl: config.publicUrl,
      sealer: config.sealer && sealingWith(() => sealer),
      lock: config.lockMs,
      stalledCheck: config.stalledMs,
      ...(config.retentionMs !== undefined && { retention: config.retentionMs }),
      retryScale: config.retryScale,
      ...(classify && { classify }),
      codec,
      ...alertingHooks(alerts),
    });
    out?.start();
    log.info({ concurrency: config.concurrency }, 'the worker takes runs');
    void adoptSchedules({
      ...{ connection: redis, flows: latestOf(projectFlows), schedules, log, stopped: stopping.signal },
      tenant: config.devTenant,
    });
  });
  takesRuns.catch(() => {}); // whoever started this hears of it where it waits
  return {
    preflight,
    metrics,
    takesRuns,
    get draining() {
      return draining;
    },
    connectProviders(changed) {
      sealer = changed.sealer;
      providers.connect(changed);
    },
    async check() {
      preflight.assertAdmitted();
      await worker?.check();
    },
    async close() {
      draining = true;
      stopping.abort();
      preflight.stop();
      await worker?.close(DRAIN_MS);
      await out?.close();
      alerts?.close();
      await providers.close();
      redis.disconnect();
    },
  };
}

/** With the keys as they are now. */
function sealingWith(current: () => Sealer | undefined): Sealer {
  const now = () => {
    const sealer = current();
    if (!sealer) throw new Error('the worker has no encryption keys any more (HOLDFAST_ENCRYPTION_KEYS)');
    return sealer;
  };
  return {
    seal: (plain, purpose) => now().seal(plain, purpose),
    open: (sealed, purpose) => now().open(sealed, purpose),
  };
}

/**
 * Starts a worker that serves its health. It waits for Redis, however long that takes.
 * @param flows what it runs
 * @throws OperatorError when Redis is there and could lose runs that were accepted
 */
export async function startWorkerApp(
  config: WorkerConfig,
  flows: readonly Flow[],
  log: Logger,
  runs?: Runs,
): Promise<RunningWorker> {
  const worker = connectWorker(config, flows, log, runs);
  const { preflight, metrics, takesRuns, connectProviders } = worker;
  const health = Fastify({ logger: false });
  addHealthRoutes(health, {
    check: () => worker.check(),
    draining: () => worker.draining,
    metrics,
    verbose: () => ({ redis: preflight.report }),
  });
  const close = async () => {
    await worker.close();
    await health.close();
  };
  try {
    await preflight.firstTry();
    return {
      url: await listen(health, config.host, config.port, 'HOLDFAST_WORKER_PORT'),
      takesRuns,
      connectProviders,
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
