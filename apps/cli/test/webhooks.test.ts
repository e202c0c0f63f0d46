import { randomBytes } from 'node:crypto';
import { readApiConfig, startApi } from '@holdfast/api';
import { createLogger } from '@holdfast/app-kit';
import { ALL_CONTRACTS } from '@holdfast/flows';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { holdfast } from './support/run-cli.ts';

const KEY = 'hf_test_0123456789abcdef';

let redis: TestRedis;
let env: Record<string, string>;
let stop: () => Promise<void>;
beforeAll(async () => {
  redis = await startRedis();
  const api = await startApi(
    readApiConfig({
      ...{ HOLDFAST_API_PORT: '0', HOLDFAST_DRAIN_DELAY: '0s', HOLDFAST_REDIS_URL: redis.url },
      ...{ HOLDFAST_DEV_KEY: KEY, HOLDFAST_LOG_LEVEL: 'silent', HOLDFAST_WEBHOOK_ALLOW: '127.0.0.1' },
      HOLDFAST_ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
    }),
    { flows: ALL_CONTRACTS },
    createLogger('api', 'silent'),
  );
  await waitFor(async () => (await fetch(`${api.url}/readyz`)).ok, { what: 'the API to be ready' });
  env = { HOLDFAST_API_URL: api.url, HOLDFAST_API_KEY: KEY };
  stop = async () => {
    await api.close();
    await redis.stop();
  };
});
afterAll(() => stop());

const webhooks = (...args: string[]) => holdfast(['webhooks', ...args], env);

test('an endpoint from its creation to its end', async () => {
  expect(await webhooks('list')).toMatchObject({ code: 0, out: expect.stringContaining('No endpoints') });
  const url = 'http://127.0.0.1:1/in';
  const made = await webhooks('create', url, '--events', 'run.completed, payment.*', '--json');
  const { id, secret } = JSON.parse(made.out);
  expect(secret).toMatch(/^whsec_/);
  expect((await webhooks('list')).out).toContain(`${id}  active  run.completed,payment.*  ${url}`);
  expect((await webhooks('pause', id)).out).toBe(`${id} is paused.\n`);
  expect((await webhooks('update', id, '--events', 'run.dead')).out).toContain('run.dead');
  expect((await webhooks('resume', id)).out).toBe(`${id} is active.\n`);
  expect((await webhooks('rotate-secret', id, '--overlap', '1h')).out).toMatch(/^whsec_.*\n\n.* 1h\.\n$/);

  const sent = JSON.parse((await webhooks('test', id, '--json')).out);
  expect((await webhooks('deliveries', id)).out).toMatch(/msg_\w+ +webhook\.test +pending +0× +– +– +–/);
  expect((await webhooks('deliveries', id, '--status', 'delivered')).out).toBe('No deliveries.\n');
  expect(await webhooks('retry', id, sent.id)).toMatchObject({ code: 0, out: `${sent.id} is sent.\n` });
  const replay = await webhooks(
    'replay',
    id,
    '--since',
    '2026-01-01T00:00:00Z',
    '--until',
    '2026-01-02T00:00:00Z',
  );
  expect(replay.out).toBe('0 events are sent.\n');

  expect((await webhooks('delete', id)).out).toBe(`${id} is deleted.\n`);
  const gone = await webhooks('pause', id);
  expect(gone).toMatchObject({ code: 1, err: expect.stringContaining('webhook_endpoint_not_found') });
});

test('a URL that is refused says why', async () => {
  const refused = await webhooks('create', 'http://10.0.0.1/', '--events', 'run.completed');
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('webhook_url_refused') });
});
