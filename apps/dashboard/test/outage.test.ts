import { waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Ask, startTestDashboard, type TestDashboard } from './support/test-dashboard.ts';

let dashboard: TestDashboard;
beforeAll(async () => {
  dashboard = await startTestDashboard();
});
afterAll(() => dashboard.stop());

async function expectUnavailable(ask: Ask): Promise<void> {
  const started = performance.now();
  const { status, headers, text } = await dashboard.ask(ask);
  expect({ ...ask, status }).toEqual({ ...ask, status: 503 });
  expect(performance.now() - started).toBeLessThan(2000);
  expect(headers['retry-after']).toBe('1');
  expect(text).toContain('Redis');
}

async function isUnavailable(): Promise<void> {
  await Promise.all([
    expectUnavailable({ path: '/queues/', headers: { accept: 'text/html' } }),
    expectUnavailable({ path: '/queues/queue/order', headers: { accept: 'text/html' } }),
    expectUnavailable({ path: '/queues/api/queues' }),
    expectUnavailable({ method: 'PUT', path: '/queues/api/queues/dead-letters/retry/failed' }),
  ]);
  expect((await dashboard.ask({ path: '/readyz' })).status).toBe(503);
  expect((await dashboard.ask({ path: '/livez' })).status).toBe(200);
}

const works = () =>
  waitFor(async () => (await dashboard.ask({ path: '/queues/api/queues' })).status === 200, {
    what: 'the board to work again',
  });

test('without Redis every page says so in time; with it they are back', async () => {
  await works();
  await dashboard.redis.kill('SIGKILL');
  await isUnavailable();
  await dashboard.redis.start();
  await works();
});

test('with a Redis that hangs, too', async () => {
  process.kill(dashboard.redis.pid, 'SIGSTOP');
  try {
    await isUnavailable();
  } finally {
    process.kill(dashboard.redis.pid, 'SIGCONT');
  }
  await works();
});
