// A Redis, and workers in processes of their own that take payments, to try limits and outages on. Needs a build.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createClient } from '@holdfast/engine';
import { paymentContract } from '@holdfast/flows';
import { providerHealth, redisStore } from '@holdfast/http';
import { providersEnv } from '@holdfast/sandbox/providers-env';
import { startRedis, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';

const CONFIG = fileURLToPath(new URL('../../holdfast.config.ts', import.meta.url));
const WORKER = fileURLToPath(new URL('../../apps/worker/dist/main.js', import.meta.url));

const PAYMENT = { amount: 1900, currency: 'usd', customerId: 'cus_1', paymentMethod: 'pm_card_visa' };

/** @param {{ paymentUrl: string, workers: number }} options */
export async function startPaymentFleet({ paymentUrl, workers }) {
  const redis = await startRedis();
  const children = [];
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  const client = createClient({ connection, flows: [paymentContract] });
  const store = redisStore({ connection });

  return {
    async startWorkers() {
      const env = {
        PATH: process.env.PATH,
        HOLDFAST_CONFIG: CONFIG,
        HOLDFAST_REDIS_URL: redis.url,
        ...providersEnv({ url: 'http://127.0.0.1:1', smtpUrl: 'smtp://127.0.0.1:1' }),
        HOLDFAST_PAYMENT_URL: paymentUrl,
      };
      for (let n = 0; n < workers; n += 1) {
        children.push(spawn(process.execPath, [WORKER], { env, stdio: ['ignore', 'ignore', 'inherit'] }));
      }
    },
    /** So many payments, numbered from `from`. */
    async submit(from, count) {
      const submits = Array.from({ length: count }, async (_, n) => {
        const key = `payment-${from + n}`;
        const request = {
          flow: 'payment',
          input: PAYMENT,
          tenant: 't',
          idempotencyKey: key,
          fingerprint: key,
        };
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
        { what: `${runIds.length} payments to end`, timeoutMs, everyMs: 200 },
      );
      return ended;
    },
    health: async () => (await providerHealth(store)).find(({ provider }) => provider === 'payment'),
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
    },
  };
}
