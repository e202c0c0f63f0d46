import { setTimeout as delay } from 'node:timers/promises';
import { connectRedis, type Host, type Logger, listen, Preflight, useLoginOf } from '@holdfast/app-kit';
import { createClient, createSchedules, type FlowContract, type PayloadCodec } from '@holdfast/engine';
import { providerHealth, redisStore } from '@holdfast/http';
import {
  createApiKeys,
  createOperations,
  createReplays,
  raiseAlert,
  reportApiUse,
} from '@holdfast/operations';
import { deliveryContract, type EventsOfFlows } from '@holdfast/outgoing';
import { type Authenticate, checkCodec, latestOf, type Routes } from '@holdfast/project';
import { webhookContract, webhookMemory } from '@holdfast/webhooks';
import type { FastifyInstance } from 'fastify';
import { addressLimit } from './address-limit.ts';
import { keyLookup } from './api-keys.ts';
import { buildApi, MAX_WAITS } from './app.ts';
import { callersBy, callersByKey } from './callers.ts';
import type { ApiConfig } from './config.ts';
import { MOST_WRONG_KEYS } from './plugins/authentication.ts';
import { MAX_STREAMS } from './routes/run-events.ts';
import { tenantLimit } from './tenant-limit.ts';
import { webhooksOut } from './webhooks-out.ts';

/** Redis must answer in this time, so that a client has its 503 within 2 s. */
const COMMAND_TIMEOUT_MS = 1500;
const DRAIN_MS = 8_000;
/** Webhooks of one address that cannot be verified, in a minute. */
const MOST_REFUSED_WEBHOOKS = 300;

export interface RunningApi {
  readonly url: string;
  /** Resolves once Redis was found good enough. Rejects with an OperatorError when it is not: the API must not go on. */
  readonly admitted: Promise<void>;
  /** Uses another configured key and another login at Redis from now on; everything else stays as it was at the start. */
  useSecretsOf(config: ApiConfig): void;
  /** Finishes what was begun, then stops. */
  close(): Promise<void>;
}

/** What is accepted, and by which routes. */
export interface Accepted {
  /** Every version that a run may be at. */
  readonly flows: readonly FlowContract[];
  readonly routes?: readonly Routes[];
  /** What the ends of flows mean to subscribers of webhooks. */
  readonly events?: EventsOfFlows;
  /** Absent: by API keys. */
  readonly authenticate?: Authenticate;
  /** Absent: payloads are kept as they are. */
  readonly codec?: PayloadCodec;
}

/** The API, connected to Redis, without a port to listen on. */
export interface ConnectedApi {
  readonly app: FastifyInstance;
  readonly preflight: Preflight;
  readonly useSecretsOf: RunningApi['useSecretsOf'];
  /** Serves requests for `drainDelayMs` more, finishes what was begun, then releases everything that it holds. */
  close(drainDelayMs: number): Promise<void>;
}

export async function connectApi(
  config: ApiConfig,
  { flows, routes = [], events = {}, authenticate, codec }: Accepted,
  log: Logger,
  host?: Host,
): Promise<ConnectedApi> {
  checkCodec(codec);
  const redis = connectRedis(config.redis, { for: 'api', commandTimeoutMs: COMMAND_TIMEOUT_MS }, log);
  const preflight = new Preflight({ connection: redis, ...config.preflight, log });
  const client = createClient({
    connection: redis,
    flows: [...flows, webhookContract, deliveryContract],
    codec,
  });
  for (const reason of config.webhooks.lacking) log.warn(`webhooks are off: ${reason}`);
  const storedKeys = createApiKeys({ connection: redis, log });
  const providers = redisStore({ connection: redis });
  let { devKey } = config;
  let sources = config.webhooks.known;
  const { sealer, webhookAllow: allow } = config;
  const out = webhooksOut({ connection: redis, client, sealer, allow, eventsOfFlows: events, log });
  const { app, drain } = await buildApi({
    ...{ client, flows: latestOf(flows), routes, preflight, log, storedKeys, host, proxy: config.proxy },
    callers: authenticate ? callersBy(authenticate) : callersByKey(keyLookup(() => devKey, storedKeys)),
    operations: createOperations({ client, connection: redis, log }),
    limit: config.tenantRps === undefined ? undefined : tenantLimit(redis, config.tenantRps),
    reportUse: (open) =>
      reportApiUse(
        redis,
        { requestsPerSecond: config.tenantRps, waits: MAX_WAITS.each, streams: MAX_STREAMS.each },
        open,
      ),
    replays: createReplays(redis, codec),
    wrongKeys: addressLimit(redis, 'wrong-keys', MOST_WRONG_KEYS),
    schedules: createSchedules({ connection: redis, client, flows: latestOf(flows) }),
    webhooks: {
      sources: () => sources,
      memory: webhookMemory(redis),
      refusals: addressLimit(redis, 'refused-webhooks', MOST_REFUSED_WEBHOOKS),
      alert: (event) => raiseAlert({ connection: redis, log }, event),
    },
    webhooksOut: out,
    readProviders: (minutes) => providerHealth(providers, minutes),
  });
  return {
    app,
    preflight,
    useSecretsOf: (changed) => {
      devKey = changed.devKey;
      sources = changed.webhooks.known;
      useLoginOf(redis, changed.redis, log);
    },
    close: async (drainDelayMs) => {
      drain.announce();
      await delay(drainDelayMs);
      await drain.start(DRAIN_MS);
      await app.close();
      preflight.stop();
      await client.close();
      await out.guard.close();
      redis.disconnect();
    },
  };
}

/**
 * Starts the API as it runs in production. It starts without Redis too, and answers 503 until Redis is there.
 * @throws OperatorError when Redis is there and could lose runs that are accepted
 */
export async function startApi(config: ApiConfig, accepted: Accepted, log: Logger): Promise<RunningApi> {
  const { app, preflight, useSecretsOf, close } = await connectApi(config, accepted, log);
  try {
    await preflight.firstTry();
    const url = await listen(app, config.host, config.port, 'HOLDFAST_API_PORT');
    return { url, admitted: preflight.admitted, useSecretsOf, close: () => close(config.drainDelayMs) };
  } catch (error) {
    await close(0);
    throw error;
  }
}
