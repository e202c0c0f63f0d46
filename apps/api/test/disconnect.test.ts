import http from 'node:http';
import { connectRedis, createLogger, Preflight } from '@holdfast/app-kit';
import { type Client, createClient } from '@holdfast/engine';
import { orderContract } from '@holdfast/flows';
import { startRedis, waitFor } from '@holdfast/testkit';
import { expect, test } from 'vitest';
import { devKey } from '../src/api-keys.ts';
import { buildApi } from '../src/index.ts';
import { newKey, ORDER } from './support/order.ts';
import { KEY } from './support/test-api.ts';

test('a client that goes away is not waited for any longer', async () => {
  const redis = await startRedis();
  const log = createLogger('api', 'silent');
  const connection = connectRedis([redis.url], { for: 'api', commandTimeoutMs: 1500 }, log);
  const flows = [orderContract];
  const real = createClient({ connection, flows });
  let wait: { over: boolean } | undefined;
  const client: Client = {
    ...real,
    waitForEnd: async (...args) => {
      const begun = { over: false };
      wait = begun;
      const run = await real.waitForEnd(...args);
      begun.over = true;
      return run;
    },
  };
  const preflight = new Preflight({ connection, durability: 'strict', attest: undefined, log });
  const { app } = await buildApi({ client, flows, keys: devKey(KEY), preflight, log });
  const url = await app.listen({ host: '127.0.0.1', port: 0 });
  await preflight.admitted;

  const request = http.request(`${url}/v1/orders`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${KEY}`,
      'content-type': 'application/json',
      'idempotency-key': newKey(),
      prefer: 'wait=60',
    },
  });
  request.on('error', () => {});
  request.end(JSON.stringify(ORDER));
  await waitFor(() => wait, { what: 'the wait to begin' });
  expect(wait?.over).toBe(false);
  request.destroy();
  await waitFor(() => wait?.over, { what: 'the wait to end', timeoutMs: 5000 });

  await app.close();
  await real.close();
  preflight.stop();
  connection.disconnect();
  await redis.stop();
});
