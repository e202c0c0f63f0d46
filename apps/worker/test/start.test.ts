import { createLogger, OperatorError } from '@holdfast/app-kit';
import { providersEnv } from '@holdfast/sandbox';
import { shop } from '@holdfast/shop';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { type RunningWorker, readWorkerConfig, startWorkerApp } from '../src/index.ts';

async function withRedis(settings: readonly string[] = []): Promise<TestRedis> {
  const redis = await startRedis(settings);
  onTestFinished(() => redis.stop());
  return redis;
}

async function startOn(redis: TestRedis, env: Record<string, string> = {}): Promise<RunningWorker> {
  const { flows, providers } = shop();
  const config = readWorkerConfig(providers, {
    ...providersEnv({ url: 'http://127.0.0.1:1', smtpUrl: 'smtp://127.0.0.1:1' }),
    HOLDFAST_REDIS_URL: redis.url,
    HOLDFAST_WORKER_PORT: '0',
    ...env,
  });
  const worker = await startWorkerApp(config, flows, createLogger('worker', 'silent'));
  onTestFinished(() => worker.close());
  return worker;
}

async function get(url: string): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url);
  return { status: response.status, body: await response.json() };
}

test('it takes runs once Redis was found good enough, and shows how it was found', async () => {
  const worker = await startOn(await withRedis(), { HOLDFAST_DURABILITY_ATTEST: 'ops, checked by hand' });
  await worker.takesRuns;
  await waitFor(async () => (await get(`${worker.url}/readyz`)).status === 200, { what: 'it to be ready' });
  expect(await get(`${worker.url}/readyz?verbose`)).toMatchObject({
    status: 200,
    body: {
      redis: { state: 'admitted', durability: 'strict', attest: 'ops, checked by hand', findings: [] },
    },
  });
});

test('it waits for a Redis that is away', async () => {
  const redis = await withRedis();
  await redis.kill();
  const worker = await startOn(redis);
  expect(await get(`${worker.url}/readyz`)).toMatchObject({
    status: 503,
    body: { reason: expect.stringContaining('not been reached') },
  });
  expect((await get(`${worker.url}/livez`)).status).toBe(200);
  await redis.start();
  await worker.takesRuns;
  await waitFor(async () => (await get(`${worker.url}/readyz`)).status === 200, { what: 'it to be ready' });
});

test('it can be stopped while it waits', async () => {
  const redis = await withRedis();
  await redis.kill();
  const worker = await startOn(redis);
  await worker.close();
  await expect(fetch(`${worker.url}/livez`)).rejects.toThrow();
});

test('it does not start with a Redis that could lose runs, unless told to', async () => {
  const redis = await withRedis(['--appendonly', 'no']);
  const refusal = await startOn(redis).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(OperatorError);
  expect(String(refusal)).toContain('CONFIG SET appendonly yes');
  const worker = await startOn(redis, { HOLDFAST_DURABILITY: 'standard' });
  await worker.takesRuns;
});

test('it stops when such a Redis comes late', async () => {
  const redis = await withRedis(['--appendfsync', 'no']);
  await redis.kill();
  const worker = await startOn(redis);
  await redis.start();
  await expect(worker.takesRuns).rejects.toThrow('appendfsync is no');
});
