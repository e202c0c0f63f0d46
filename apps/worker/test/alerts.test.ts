import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AlertMessage } from '@holdfast/operations';
import { providersEnv } from '@holdfast/sandbox';
import { shop } from '@holdfast/shop';
import { waitFor } from '@holdfast/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { readWorkerConfig } from '../src/index.ts';
import { startWorkerProcesses } from './processes.ts';
import { startSystem } from './system.ts';

const NOWHERE = { url: 'http://127.0.0.1:1', smtpUrl: 'smtp://127.0.0.1:1' };
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';

/** Takes alerts as a chat or a pager does. */
async function receiver(): Promise<{ url: string; received: AlertMessage[] }> {
  const received: AlertMessage[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    received.push(JSON.parse(Buffer.concat(chunks).toString()));
    response.end('ok');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, received };
}

test('deaths, a provider that is down, refused credentials and a Redis that went back: one alert each, of two workers together', async () => {
  const { url, received } = await receiver();
  const env = {
    HOLDFAST_ALERT_URL: url,
    HOLDFAST_ALERT_SECRET: SECRET,
    HOLDFAST_SHIPPING_CLIENT_SECRET: 'wrong',
  };
  const { submit, ended, fault, redis, sandbox, connection } = await startSystem(env);
  await startWorkerProcesses(1, {
    HOLDFAST_REDIS_URL: redis.url,
    HOLDFAST_RETRY_SCALE: '0.01',
    ...providersEnv(sandbox),
    ...env,
  });

  await connection.set('{hf0}/canary', 0);
  const refused = await Promise.all(Array.from({ length: 6 }, (_, n) => submit(`refused-${n}`)));
  const dead = await Promise.all(refused.map((runId) => ended(runId)));
  expect(new Set(dead.map(({ status }) => status))).toEqual(new Set(['dead']));
  await fault({ provider: 'inventory', operation: 'reserve', fault: 'error', status: 503, times: 10_000 });
  await Promise.all(Array.from({ length: 10 }, (_, n) => submit(`down-${n}`)));

  const kinds = () => received.map(({ data }) => data.kind);
  await waitFor(() => new Set(kinds()).size === 4, { what: 'alerts of all kinds', timeoutMs: 15_000 });
  expect(kinds()).toHaveLength(4);
  const of = (kind: string) => received.find(({ data }) => data.kind === kind)?.data;
  expect(of('credentials_refused')?.groups).toEqual([
    { provider: 'shipping', code: 'token_refused', count: 1 },
  ]);
  expect(of('redis_rollback')).toMatchObject({ count: 1 });
  expect(of('breaker_opened')?.groups).toMatchObject([{ provider: 'inventory' }]);
  for (const group of of('dead_letter')?.groups ?? []) {
    expect(group).toEqual({
      ...{ flow: 'order', step: 'ship', code: expect.stringMatching(/^(token_refused|breaker_open)$/) },
      // a run from before the loss may have called the provider already
      reason: expect.stringMatching(/^(misconfigured|exhausted|in_doubt)$/),
      ...{ count: expect.any(Number), example: expect.stringMatching(/^run_/) },
    });
  }
  // what comes after the first message waits for the next one, and none is lost
  const waiting = Object.entries(await connection.hgetall('{hf0}/alert/dead_letter'));
  const counts = waiting.map(([field, count]) => (field.startsWith('n:') ? Number(count) : 0));
  expect(counts.reduce((sum, count) => sum + count, of('dead_letter')?.count ?? 0)).toBe(6);
}, 60_000);

test.each([
  [{ HOLDFAST_ALERT_URL: 'ftp://x' }, 'HOLDFAST_ALERT_URL'],
  [{ HOLDFAST_ALERT_URL: 'https://x', HOLDFAST_ALERT_SECRET: 'whsec_c2hvcnQ=' }, 'HOLDFAST_ALERT_SECRET'],
  [{ HOLDFAST_ALERT_SECRET: SECRET }, 'HOLDFAST_ALERT_URL'],
])('%j is refused at start, naming %s', (env, variable) => {
  expect(() =>
    readWorkerConfig(shop().providers, {
      HOLDFAST_REDIS_URL: 'redis://127.0.0.1',
      ...providersEnv(NOWHERE),
      ...env,
    }),
  ).toThrow(variable);
});
