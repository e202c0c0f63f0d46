import { readApiConfig, startApi } from '@holdfast/api';
import { connectRedis, createLogger } from '@holdfast/app-kit';
import { startWorker } from '@holdfast/engine';
import { startRedis, waitFor } from '@holdfast/testkit';
import { config } from './flows.ts';

export const KEY = 'hf_test_0123456789abcdef';

/** The API and a worker with a Redis of their own. */
export async function startSystem(): Promise<{ readonly url: string; stop(): Promise<void> }> {
  const redis = await startRedis();
  const log = createLogger('api', 'silent');
  const env = {
    HOLDFAST_API_PORT: '0',
    HOLDFAST_DRAIN_DELAY: '0s',
    HOLDFAST_REDIS_URL: redis.url,
    HOLDFAST_DEV_KEY: KEY,
    HOLDFAST_LOG_LEVEL: 'silent',
  };
  const api = await startApi(readApiConfig(env), { flows: config.flows, routes: [] }, log);
  const connection = connectRedis({ urls: [redis.url] }, { for: 'worker' }, log);
  const worker = startWorker({ connection, redisUrls: [redis.url], flows: config.flows, log });
  await waitFor(async () => (await fetch(`${api.url}/readyz`)).ok, { what: 'Redis' });
  return {
    url: api.url,
    async stop() {
      await worker.close('1s');
      connection.disconnect();
      await api.close();
      await redis.stop();
    },
  };
}
