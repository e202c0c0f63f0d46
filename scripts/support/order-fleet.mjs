// A Redis, a sandbox and workers in processes of their own, to try limits and outages on. Needs a build.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { createClient } from '@holdfast/engine';
import { orderContract } from '@holdfast/flows';
import { providerHealth, redisStore } from '@holdfast/http';
import { startRedis, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';

const mainOf = (app) => fileURLToPath(new URL(`../../apps/${app}/dist/main.js`, import.meta.url));

const ORDER = {
  customer: { id: 'cus_1', email: 'ada@example.com', name: 'Ada' },
  items: [{ sku: 'TEE-M', quantity: 2, unitAmount: 1900 }],
  currency: 'usd',
  paymentMethod: 'pm_card_visa',
  shipTo: { name: 'Ada', line1: '1 Main St', city: 'Springfield', postalCode: '12345', country: 'US' },
};

/** @param {{ paymentUrl: string, workers: number }} options */
export async function startOrderFleet({ paymentUrl, workers }) {
  const redis = await startRedis();
  const dataDir = await mkdtemp(join(tmpdir(), 'holdfast-fleet-'));
  const children = [];
  const start = (app, env) => {
    const child = spawn(process.execPath, [mainOf(app)], {
      env: { PATH: process.env.PATH, ...env },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    return createInterface(child.stdout);
  };
  const sandbox = await listening(
    start('sandbox', {
      HOLDFAST_SANDBOX_PORT: '0',
      HOLDFAST_SMTP_PORT: '0',
      HOLDFAST_SANDBOX_DIR: dataDir,
    }),
  );
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  const client = createClient({ connection, flows: [orderContract] });
  const store = redisStore({ connection });

  return {
    async startWorkers() {
      const env = {
        HOLDFAST_REDIS_URL: redis.url,
        HOLDFAST_PAYMENT_URL: paymentUrl,
        HOLDFAST_INVENTORY_URL: `${sandbox.url}/inventory`,
        HOLDFAST_SHIPPING_URL: `${sandbox.url}/shipping`,
        HOLDFAST_EMAIL_URL: sandbox.smtpUrl,
      };
      for (let n = 0; n < workers; n += 1) start('worker', env).resume();
    },
    /** So many orders, numbered from `from`. */
    async submit(from, count) {
      const submits = Array.from({ length: count }, async (_, n) => {
        const key = `order-${from + n}`;
        const request = { flow: 'order', input: ORDER, tenant: 't', idempotencyKey: key, fingerprint: key };
        return (await client.submit(request)).run.id;
      });
      return Promise.all(submits);
    },
    /** The runs, once all have ended or are dead. */
    async ended(runIds, timeoutMs) {
      const over = new Set(['completed', 'failed', 'cancelled', 'dead']);
      const left = new Set(runIds);
      const ended = [];
      await waitFor(
        async () => {
          for (const runId of [...left].slice(0, 50)) {
            const run = await client.getRun('t', runId);
            if (!over.has(run.status)) continue;
            left.delete(runId);
            ended.push(run);
          }
          return left.size === 0;
        },
        { what: `${runIds.length} orders to end`, timeoutMs, everyMs: 200 },
      );
      return ended;
    },
    payment: async () => (await providerHealth(store)).find(({ provider }) => provider === 'payment'),
    async stop() {
      await Promise.all(
        children.map((child) => {
          child.kill('SIGKILL');
          return once(child, 'exit');
        }),
      );
      await client.close();
      connection.disconnect();
      await redis.stop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}

/** The sandbox's addresses, once it says them. */
async function listening(lines) {
  for await (const text of lines) {
    const line = JSON.parse(text);
    if (line.msg === 'listening') return line;
  }
  throw new Error('the sandbox ended before it listened');
}
