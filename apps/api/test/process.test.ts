import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { newKey, ORDER } from './support/order.ts';
import { KEY, send } from './support/test-api.ts';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

interface Started {
  readonly child: ChildProcess;
  readonly output: () => string;
  /** Resolves with the exit code once the process has ended. */
  readonly ended: Promise<number | null>;
}

const children: ChildProcess[] = [];
function start(env: Record<string, string>): Started {
  const child = spawn(process.execPath, [MAIN], {
    env: { PATH: process.env.PATH ?? '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.push(child);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk;
    });
  }
  return { child, output: () => output, ended: once(child, 'close').then(() => child.exitCode) };
}

/** The address is in the log. */
async function started(env: Record<string, string>): Promise<Started & { readonly url: string }> {
  const api = start({ HOLDFAST_API_PORT: '0', HOLDFAST_REDIS_URL: redis.url, HOLDFAST_DEV_KEY: KEY, ...env });
  const url = await waitFor(() => /"url":"(http:[^"]+)"/.exec(api.output())?.[1], { what: 'the address' });
  return { ...api, url };
}

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

test('an environment that does not fit is told with all its faults', async () => {
  const api = start({
    HOLDFAST_API_PORT: '99999',
    HOLDFAST_REDIS_URL: 'localhost:6379',
    HOLDFAST_DEV_KEY: 'hf_short',
    HOLDFAST_HOST: 'not a host',
    HOLDFAST_LOG_LEVEL: 'loud',
  });
  expect(await api.ended).toBe(1);
  for (const variable of ['API_PORT', 'REDIS_URL', 'DEV_KEY', 'HOST', 'LOG_LEVEL']) {
    expect(api.output()).toMatch(new RegExp(`^ +HOLDFAST_${variable}: .*expected`, 'm'));
  }
  expect(api.output()).not.toContain('hf_short');
  expect(api.output()).not.toMatch(/^\s+at /m);
});

test('what must be set is told when it is missing', async () => {
  const api = start({});
  expect(await api.ended).toBe(1);
  expect(api.output()).toMatch(/HOLDFAST_REDIS_URL: is missing/);
});

test('a port in use is told with its number and how to choose another', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  const api = start({
    HOLDFAST_API_PORT: String(port),
    HOLDFAST_REDIS_URL: redis.url,
    HOLDFAST_DEV_KEY: KEY,
  });
  expect(await api.ended).toBe(1);
  taken.close();
  expect(api.output()).toContain(`${port}`);
  expect(api.output()).toContain('HOLDFAST_API_PORT');
  expect(api.output()).not.toMatch(/^\s+at /m);
});

describe('a Redis that could lose accepted runs', () => {
  const ENV = { HOLDFAST_API_PORT: '0', HOLDFAST_DEV_KEY: KEY };
  let lax: TestRedis;
  beforeAll(async () => {
    lax = await startRedis(['--appendfsync', 'everysec', '--maxmemory-policy', 'allkeys-lru']);
  });
  afterAll(() => lax.stop());

  test('is refused, with what is wrong and how to fix it', async () => {
    const api = start({ ...ENV, HOLDFAST_REDIS_URL: lax.url });
    expect(await api.ended).toBe(1);
    expect(api.output()).toMatch(/appendfsync is everysec: .*lost[\s\S]*CONFIG SET appendfsync always/);
    expect(api.output()).toMatch(
      /maxmemory-policy is allkeys-lru: [\s\S]*CONFIG SET maxmemory-policy noeviction/,
    );
    expect(api.output()).not.toMatch(/^\s+at /m);
    // on a slow machine it listens, and answers 503, before it has reached Redis
    expect(api.output().trim().split('\n').length).toBeLessThan(10);
  });

  test('is refused when it comes late, too; no order was accepted before', async () => {
    await lax.kill();
    const api = await started({ HOLDFAST_REDIS_URL: lax.url });
    const order = { method: 'POST', path: '/v1/orders', body: JSON.stringify(ORDER) };
    const headers = { 'content-type': 'application/json', 'idempotency-key': newKey() };
    expect((await send(api.url, { ...order, headers })).status).toBe(503);
    await lax.start();
    expect(await api.ended).toBe(1);
    expect(api.output()).toContain('appendfsync is everysec');
  });

  test('is taken with HOLDFAST_DURABILITY=standard, loudly', async () => {
    const api = await started({ HOLDFAST_REDIS_URL: lax.url, HOLDFAST_DURABILITY: 'standard' });
    await waitFor(() => /"level":40.*appendfsync is everysec/.test(api.output()), {
      what: 'the API to warn of its Redis',
    });
    const { status, json } = await send(api.url, { path: '/readyz?verbose' });
    expect(status).toBe(200);
    expect(json).toMatchObject({
      status: 'ok',
      redis: {
        durability: 'standard',
        state: 'admitted',
        findings: [{ setting: 'maxmemory-policy' }, { setting: 'appendfsync', value: 'everysec' }],
      },
    });
    expect((await send(api.url, { path: '/readyz' })).json).toEqual({ status: 'ok' });
    const nobody = { authorization: undefined };
    expect((await send(api.url, { path: '/readyz?verbose', headers: nobody })).json).toEqual({
      status: 'ok',
    });
  });
});

test('SIGTERM lets what waits answer, and ends with 0', async () => {
  const api = await started({ HOLDFAST_DRAIN_DELAY: '0s' });
  const headers = { 'content-type': 'application/json', 'idempotency-key': newKey(), prefer: 'wait=60' };
  const waiting = send(api.url, { method: 'POST', path: '/v1/orders', headers, body: JSON.stringify(ORDER) });
  const { 'idempotency-key': key } = headers;
  // The run is there once the same request without waiting is a replay of it.
  await waitFor(
    async () => {
      const again = await send(api.url, {
        method: 'POST',
        path: '/v1/orders',
        headers: { 'content-type': 'application/json', 'idempotency-key': key },
        body: JSON.stringify(ORDER),
      });
      return again.headers['idempotent-replayed'] === 'true';
    },
    { what: 'the order to be accepted' },
  );
  const asked = performance.now();
  api.child.kill('SIGTERM');
  expect((await waiting).status).toBe(202);
  expect(await api.ended).toBe(0);
  expect(performance.now() - asked).toBeLessThan(5000);
});

test('while requests are in flight after SIGTERM, readyz says draining', async () => {
  const api = await started({});
  process.kill(redis.pid, 'SIGSTOP');
  try {
    const inFlight = send(api.url, { path: '/v1/runs/run_1' });
    // Answered after the first request was read: one process, which takes them as they come.
    await send(api.url, { path: '/livez' });
    api.child.kill('SIGTERM');
    await waitFor(() => api.output().includes('stopping'), { what: 'the signal to have arrived' });
    const { status, json } = await send(api.url, { path: '/readyz' });
    expect({ status, json }).toEqual({ status: 503, json: { status: 'draining' } });
    expect((await inFlight).status).toBe(503);
  } finally {
    process.kill(redis.pid, 'SIGCONT');
  }
  expect(await api.ended).toBe(0);
});

test('the log has a line per request with its run, and neither keys nor people', async () => {
  const api = await started({ HOLDFAST_LOG_LEVEL: 'trace' });
  await waitFor(async () => (await send(api.url, { path: '/readyz' })).status === 200, {
    what: 'the API to be ready',
  });
  const headers = { 'content-type': 'application/json', 'idempotency-key': newKey() };
  const { json } = await send(api.url, {
    method: 'POST',
    path: '/v1/orders',
    headers,
    body: JSON.stringify(ORDER),
  });
  await send(api.url, { path: '/v1/runs/x?token=canary_query', headers: { 'x-canary': 'canary_header' } });
  await send(api.url, { path: '/v1/runs/x', headers: { authorization: 'Bearer hf_canary_key_123456' } });
  api.child.kill('SIGTERM');
  await api.ended;
  const lines = api
    .output()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines).toContainEqual(
    expect.objectContaining({ msg: 'POST /v1/orders', status: 202, run: json.id }),
  );
  expect(lines).toContainEqual(expect.objectContaining({ msg: 'GET /v1/runs/:id', status: 404 }));
  for (const secret of [KEY, 'canary', 'ada@example.com', 'pm_card_visa', '1 Main St']) {
    expect(api.output()).not.toContain(secret);
  }
});

test('SIGTERM lets a balancer take it out first: not ready, and still serving', async () => {
  const api = await started({ HOLDFAST_DRAIN_DELAY: '1s' });
  api.child.kill('SIGTERM');
  await waitFor(async () => (await send(api.url, { path: '/readyz' })).status === 503, { what: '503' });
  const order = await send(api.url, {
    ...{ method: 'POST', path: '/v1/orders', body: JSON.stringify(ORDER) },
    headers: { 'content-type': 'application/json', 'idempotency-key': newKey() },
  });
  expect(order.status).toBe(202);
  expect(await api.ended).toBe(0);
});

test('a tenant that sends more than it may is told so, and when to come back', async () => {
  const api = await started({ HOLDFAST_TENANT_RPS: '1' });
  const answers = await Promise.all(Array.from({ length: 15 }, () => send(api.url, { path: '/v1/runs' })));
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused).toHaveLength(5);
  expect(refused[0]?.json.code).toBe('rate_limited');
  expect(refused[0]?.headers).toMatchObject({
    'retry-after': expect.stringMatching(/^\d+$/),
    'ratelimit-policy': '"tenant";q=10;w=10',
    ratelimit: expect.stringMatching(/^"tenant";r=0;t=\d+$/),
    'request-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
  });
  expect(answers.find(({ status }) => status === 200)?.headers.ratelimit).toMatch(/^"tenant";r=\d;t=/);
  const metrics = await send(api.url, { path: '/metrics' });
  expect(metrics.text).toMatch(
    /http_server_request_duration_seconds_count\{role="api",route="\/v1\/runs",method="GET",status="429"\} 5/,
  );
});
