import { setTimeout as delay } from 'node:timers/promises';
import { connectRedis, type Logger, listen, Preflight, useLoginOf } from '@holdfast/app-kit';
import { createClient, type FlowContract } from '@holdfast/engine';
import { providerHealth, redisStore } from '@holdfast/http';
import { createApiKeys, createOperations, createReplays } from '@holdfast/operations';
import { latestOf, type Routes } from '@holdfast/project';
import { keyLookup } from './api-keys.ts';
import { buildApi } from './app.ts';
import type { ApiConfig } from './config.ts';
import { tenantLimit } from './tenant-limit.ts';
import { wrongKeys } from './wrong-keys.ts';

/** Redis must answer in this time, so that a client has its 503 within 2 s. */
const COMMAND_TIMEOUT_MS = 1500;
const DRAIN_MS = 8_000;

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
}

/**
 * Starts the API as it runs in production. It starts without Redis too, and answers 503 until Redis is there.
 * @throws OperatorError when Redis is there and could lose runs that are accepted
 */
export async function startApi(
  config: ApiConfig,
  { flows, routes = [] }: Accepted,
  log: Logger,
): Promise<RunningApi> {
  const redis = connectRedis(config.redis, { for: 'api', commandTimeoutMs: COMMAND_TIMEOUT_MS }, log);
  const preflight = new Preflight({ connection: redis, ...config.preflight, log });
  const client = createClient({ connection: redis, flows });
  const storedKeys = createApiKeys({ connection: redis, log });
  const providers = redisStore({ connection: redis });
  let { devKey } = config;
  const useSecretsOf = (changed: ApiConfig) => {
    devKey = changed.devKey;
    useLoginOf(redis, changed.redis, log);
  };
  const { app, drain } = await buildApi({
    ...{ client, flows: latestOf(flows), routes, preflight, log, storedKeys, proxy: config.proxy },
    keys: keyLookup(() => devKey, storedKeys),
    operations: createOperations({ client, connection: redis, log }),
    limit: config.tenantRps === undefined ? undefined : tenantLimit(redis, config.tenantRps),
    wrongKeys: wrongKeys(redis),
    replays: createReplays(redis),
    readProviders: (minutes) => providerHealth(providers, minutes),
  });
  let started = false;
  const close = async () => {
    drain.announce();
    await delay(started ? config.drainDelayMs : 0);
    await drain.start(DRAIN_MS);
    await app.close();
    preflight.stop();
    await client.close();
    redis.disconnect();
  };
  try {
    await preflight.firstTry();
    const url = await listen(app, config.host, config.port, 'HOLDFAST_API_PORT');
    started = true;
    return { url, admitted: preflight.admitted, useSecretsOf, close };
  } catch (error) {
    await close();
    throw error;
  }
}
