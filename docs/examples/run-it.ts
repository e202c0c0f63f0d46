import { createClient, startWorker } from '@holdfast/engine';
import { Redis } from 'ioredis';
import { checkout } from './checkout.ts';

/** Submits a run, drives it, and returns it. */
export async function runIt(redisUrl: string) {
  // #region run-it
  const log = { debug() {}, info() {}, warn: console.warn, error: console.error };
  const connection = new Redis(redisUrl, { maxRetriesPerRequest: null });
  const worker = startWorker({ connection, redisUrls: [redisUrl], flows: [checkout], log });

  const client = createClient({ connection, flows: [checkout] });
  const submitted = await client.submit({
    flow: 'checkout',
    input: { amount: 4200, address: '1 Main St' },
    tenant: 'acme',
    idempotencyKey: 'order-1001',
    fingerprint: 'order-1001', // equal for requests that are the same
  });
  // #endregion
  if (submitted.outcome === 'key_reused') throw new Error('the key was used for something else');
  const run = await client.waitForEnd('acme', submitted.run.id, 10_000);
  await worker.close();
  await client.close();
  connection.disconnect();
  return run;
}
