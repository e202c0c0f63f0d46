import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLogger } from '@holdfast/app-kit';
import { type Client, createClient, type Run } from '@holdfast/engine';
import { type OrderInput, orderContract } from '@holdfast/flows';
import { setNamespace } from '@holdfast/redis';
import { providersEnv, startSandbox } from '@holdfast/sandbox';
import { shop } from '@holdfast/shop';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { onTestFinished } from 'vitest';
import { readWorkerConfig, startWorkerApp } from '../src/index.ts';

export const silent = createLogger('worker', 'silent');

export const ORDER = {
  customer: { id: 'cus_1', email: 'ada@example.com', name: 'Ada' },
  items: [{ sku: 'TEE-M', quantity: 2, unitAmount: 1900 }],
  currency: 'usd',
  paymentMethod: 'pm_card_visa',
  shipTo: { name: 'Ada', line1: '1 Main St', city: 'Springfield', postalCode: '12345', country: 'US' },
};

export interface Effect {
  readonly provider: string;
  readonly operation: string;
  readonly reference: string;
  readonly idempotencyKey: string | null;
}

/** A Redis that ends with the test. */
export async function redisForTest(): Promise<TestRedis> {
  const redis = await startRedis();
  onTestFinished(() => redis.stop());
  return redis;
}

/** Orders from outside, and what became of them. */
export function orders(redisUrl: string, namespace?: string) {
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
  if (namespace !== undefined) setNamespace(connection, namespace);
  connection.on('error', () => {});
  const client: Client = createClient({ connection, flows: [orderContract] });
  onTestFinished(async () => {
    await client.close();
    connection.disconnect();
  });
  return {
    connection,
    async submit(key: string, more: Partial<OrderInput> = {}): Promise<string> {
      const input = { ...ORDER, ...more };
      const reply = await client.submit({
        ...{ flow: 'order', input, tenant: 't', idempotencyKey: key, fingerprint: key },
      });
      if (reply.outcome === 'key_reused') throw new Error(`the key ${key} was used before`);
      return reply.run.id;
    },
    async get(runId: string): Promise<Run> {
      const run = await client.getRun('t', runId);
      if (!run) throw new Error(`there is no run ${runId}`);
      return run;
    },
    /** The run, once it is over or dead. */
    ended: (runId: string, timeoutMs = 15_000): Promise<Run> =>
      waitFor(
        async () => {
          const run = await client.getRun('t', runId);
          return run && ['completed', 'failed', 'cancelled', 'dead'].includes(run.status) ? run : undefined;
        },
        { what: `run ${runId} to end`, timeoutMs },
      ),
  };
}

/** The production worker against a sandbox of its own. @param env more environment variables */
export async function startSystem(env: Readonly<Record<string, string>> = {}) {
  const redis = await redisForTest();
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-worker-'));
  const sandbox = await startSandbox({ port: 0, smtpPort: 0, dataDir });
  const { flows, providers } = shop();
  const config = readWorkerConfig(providers, {
    HOLDFAST_REDIS_URL: redis.url,
    HOLDFAST_RETRY_SCALE: '0.01',
    ...providersEnv(sandbox),
    ...env,
  });
  const worker = await startWorkerApp(config, flows, silent);
  onTestFinished(async () => {
    await worker.close();
    await sandbox.close();
    await rm(dataDir, { recursive: true, force: true });
  });
  const control = async (method: string, path: string, body?: object) => {
    const response = await fetch(`${sandbox.url}/_control${path}`, {
      method,
      ...(body ? { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } } : {}),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    return response;
  };
  return {
    ...orders(redis.url, env.HOLDFAST_NAMESPACE),
    redis,
    worker,
    sandbox,
    fault: (fault: object) => control('POST', '/faults', fault),
    ledger: async (): Promise<Effect[]> => (await control('GET', '/ledger')).json() as Promise<Effect[]>,
  };
}
