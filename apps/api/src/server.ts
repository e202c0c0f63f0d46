import { connectRedis, type Logger, listen } from '@holdfast/app-kit';
import { createClient } from '@holdfast/engine';
import { orderContract } from '@holdfast/flows';
import { devKey } from './api-keys.ts';
import { buildApi } from './app.ts';
import type { ApiConfig } from './config.ts';

/** Redis must answer in this time, so that a client has its 503 within 2 s. */
const COMMAND_TIMEOUT_MS = 1500;
const DRAIN_MS = 8_000;

export interface RunningApi {
  readonly url: string;
  /** Finishes what was begun, then stops. */
  close(): Promise<void>;
}

/** Starts the API as it runs in production. It starts without Redis too, and answers 503 until Redis is there. */
export async function startApi(config: ApiConfig, log: Logger): Promise<RunningApi> {
  const redis = connectRedis(config.redisUrls, { for: 'api', commandTimeoutMs: COMMAND_TIMEOUT_MS }, log);
  const flows = [orderContract];
  const client = createClient({ connection: redis, flows });
  const { app, drain } = await buildApi({ client, flows, keys: devKey(config.devKey), log });
  const close = async () => {
    await drain.start(DRAIN_MS);
    await app.close();
    await client.close();
    redis.disconnect();
  };
  try {
    return { url: await listen(app, config.host, config.port, 'HOLDFAST_API_PORT'), close };
  } catch (error) {
    await close();
    throw error;
  }
}
