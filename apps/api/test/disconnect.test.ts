import http from 'node:http';
import type { Client } from '@holdfast/engine';
import { orderContract } from '@holdfast/flows';
import { startRedis, waitFor } from '@holdfast/testkit';
import { expect, test } from 'vitest';
import { buildApi } from '../src/index.ts';
import { newKey, ORDER } from './support/order.ts';
import { KEY } from './support/test-api.ts';
import { testParts } from './support/test-parts.ts';

test('a client that goes away is not waited for any longer', async () => {
  const redis = await startRedis();
  const parts = testParts(redis.url, [orderContract]);
  const { client: real, preflight } = parts;
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
  const { app } = await buildApi({ ...parts, client });
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
  await parts.close();
  await redis.stop();
});
