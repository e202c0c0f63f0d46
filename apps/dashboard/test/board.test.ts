import { appRoutes } from '@bull-board/api/dist/routes.js';
import { waitFor } from '@holdfast/testkit';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  IN_DOUBT,
  type OrderWorker,
  startOrderWorker,
  startTestDashboard,
  type TestDashboard,
} from './support/test-dashboard.ts';

interface BoardQueue {
  readonly name: string;
  readonly readOnlyMode: boolean;
  readonly allowRetries: boolean;
  readonly allowCompletedRetries: boolean;
  readonly counts: Readonly<Record<string, number>>;
  readonly jobs: readonly { readonly id: string; readonly failedReason?: string; readonly data: object }[];
}

let dashboard: TestDashboard;
let worker: OrderWorker;
beforeAll(async () => {
  dashboard = await startTestDashboard();
  worker = startOrderWorker(dashboard.redis.url);
});
afterAll(async () => {
  await worker.stop();
  await dashboard.stop();
});

async function queues(): Promise<Record<string, BoardQueue>> {
  const query = 'activeQueue=dead-letters&status=failed&page=1&jobsPerPage=50';
  const { status, text } = await dashboard.ask({ path: `/queues/api/queues?${query}` });
  expect(status).toBe(200);
  return Object.fromEntries(JSON.parse(text).queues.map((queue: BoardQueue) => [queue.name, queue]));
}

/** Everything in Redis that is not about time or connections. */
async function everythingInRedis(): Promise<Record<string, unknown>> {
  const redis = new Redis(dashboard.redis.url);
  const dump: Record<string, unknown> = {};
  for (const key of (await redis.keys('*')).filter((k) => /dead-letters|order|refund/.test(k)).sort()) {
    dump[key] = (await redis.dumpBuffer(key))?.toString('base64');
  }
  redis.disconnect();
  return dump;
}

test('the board shows each flow, to look at only, and the dead letters, to retry', async () => {
  const { 'dead-letters': letters, ...flows } = await queues();
  expect(Object.keys(flows)).toEqual(['order', 'payment', 'refund']);
  for (const flow of Object.values(flows)) {
    expect(flow).toMatchObject({ readOnlyMode: true, allowRetries: false });
  }
  expect(letters).toMatchObject({
    readOnlyMode: false,
    allowRetries: true,
    allowCompletedRetries: false,
  });
});

describe('with dead orders', () => {
  let runIds: string[];
  beforeAll(async () => {
    runIds = await Promise.all(['a', 'b', 'c'].map((key) => worker.submit(key)));
    await waitFor(async () => (await queues())['dead-letters']?.counts.failed === 3, {
      what: 'three letters',
    });
  });

  test('each letter says why', async () => {
    const letters = (await queues())['dead-letters']?.jobs ?? [];
    expect(letters.map((letter) => letter.id).sort()).toEqual(runIds.map((id) => `${id}.d1`).sort());
    for (const letter of letters) expect(letter.failedReason).toContain('the price is not a number');
  });

  const writes = appRoutes.api.flatMap(({ method, route }) =>
    [method]
      .flat()
      .flatMap((verb) => (verb === 'get' ? [] : [route].flat().map((path) => [verb.toUpperCase(), path]))),
  );
  const retries = ['/api/queues/:queueName/:jobId/retry', '/api/queues/:queueName/retry/:queueStatus'];

  test('there are writes to refuse', () => {
    expect(writes.length).toBeGreaterThan(20);
    expect(writes.filter(([, path]) => retries.includes(String(path)))).toHaveLength(2);
  });

  test.each(writes)(
    '%s %s does nothing on any queue, but for retries of dead letters',
    async (method, route) => {
      for (const queue of ['order', 'refund', 'dead-letters', 'nope', '__proto__']) {
        if (queue === 'dead-letters' && retries.includes(String(route))) continue;
        const before = await everythingInRedis();
        const path = String(route)
          .replace(':queueName', queue)
          .replace(':jobId', `${runIds[0]}.d1`)
          .replace(':queueStatus', 'failed')
          .replace(':schedulerId', 's');
        const { status, headers, text } = await dashboard.ask({
          method: String(method),
          path: `/queues${path}`,
          body: { name: 'x', data: {}, force: true, concurrency: 1, delay: 1, priority: 1 },
        });
        expect({ path, status, allow: headers.allow }).toEqual({ path, status: 405, allow: 'GET, HEAD' });
        expect(headers['content-type']).toBe('application/problem+json');
        expect(JSON.parse(text)).toMatchObject({
          code: 'method_not_allowed',
          error: 'The dashboard does not support this',
          message: 'Only the retry of dead letters is allowed.',
        });
        expect(await everythingInRedis()).toEqual(before);
      }
    },
  );

  test.each([
    'retry/completed',
    'retry/waiting',
    'retry/delayed',
    '../order/retry/failed',
    '%2e%2e/order/retry/failed',
  ])('PUT %s is no retry of failed letters', async (what) => {
    const { status } = await dashboard.ask({
      method: 'PUT',
      path: `/queues/api/queues/dead-letters/${what}`,
    });
    expect([404, 405]).toContain(status);
    expect((await queues())['dead-letters']?.counts.failed).toBe(3);
  });

  test('a retry asked for by another site is refused', async () => {
    const path = `/queues/api/queues/dead-letters/${runIds[0]}.d1/retry`;
    for (const headers of [
      { origin: 'https://evil.example' },
      { origin: 'null' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
      { origin: dashboard.url, 'sec-fetch-site': 'cross-site' },
    ]) {
      const { status, text } = await dashboard.ask({ method: 'PUT', path, headers });
      expect({ headers, status }).toEqual({ headers, status: 403 });
      expect(JSON.parse(text)).toMatchObject({ code: 'cross_site_request' });
    }
    expect((await queues())['dead-letters']?.counts.failed).toBe(3);
  });

  test('Retry redrives one run, Retry all the others; a letter that was retried is not retried again', async () => {
    worker.mend();
    const [first, ...others] = runIds;
    const path = `/queues/api/queues/dead-letters/${first}.d1/retry`;
    const headers = { origin: dashboard.url, 'sec-fetch-site': 'same-origin' };
    expect((await dashboard.ask({ method: 'PUT', path, headers })).status).toBe(204);
    await waitFor(async () => (await worker.statusOf(String(first))) === 'completed', {
      what: 'the first run',
    });
    for (const id of others) expect(await worker.statusOf(id)).toBe('dead');

    const again = await waitFor(
      async () => {
        const answer = await dashboard.ask({ method: 'PUT', path });
        return answer.status === 409 && answer;
      },
      { what: 'the letter to be done' },
    );
    expect(JSON.parse(again.text)).toMatchObject({ code: 'letter_not_failed' });

    const all = await dashboard.ask({ method: 'PUT', path: '/queues/api/queues/dead-letters/retry/failed' });
    expect(JSON.parse(all.text)).toMatchObject({ retried: 2 });
    for (const id of others) {
      await waitFor(async () => (await worker.statusOf(id)) === 'completed', { what: `the run ${id}` });
    }
    await waitFor(async () => (await queues())['dead-letters']?.counts.failed === 0, { what: 'no letters' });
  });
});

test('a page of the board has a hundred jobs at most, whatever is asked for', async () => {
  const connection = new Redis(dashboard.redis.url, { maxRetriesPerRequest: null });
  const queue = new Queue('refund', { connection, prefix: '{hf0}' });
  try {
    await queue.addBulk(Array.from({ length: 120 }, (_, n) => ({ name: 'x', data: { runId: `run_${n}` } })));
    for (const asked of ['1000000', '1e9', 'x', '-5']) {
      const path = `/queues/api/queues?activeQueue=refund&status=waiting&page=1&jobsPerPage=${asked}`;
      const { status, text } = await dashboard.ask({ path });
      expect(status).toBe(200);
      const shown = JSON.parse(text).queues.find(({ name }: BoardQueue) => name === 'refund').jobs.length;
      expect(shown).toBeLessThanOrEqual(100);
      expect(shown).toBeGreaterThan(0);
    }
  } finally {
    await queue.obliterate({ force: true });
    await queue.close();
    connection.disconnect();
  }
});

test('Retry all leaves no tenant out, however many there are', async () => {
  const tenants = Array.from({ length: 22 }, (_, n) => `tenant-${n}`);
  const runIds = await Promise.all(tenants.map((tenant) => worker.submit('one', IN_DOUBT, tenant)));
  await waitFor(async () => (await queues())['dead-letters']?.counts.failed === 22, { what: 'the letters' });
  expect(await Promise.all(runIds.map((id) => worker.statusOf(id)))).toEqual(Array(22).fill('dead'));
  const all = await dashboard.ask({ method: 'PUT', path: '/queues/api/queues/dead-letters/retry/failed' });
  expect({ status: all.status, answer: JSON.parse(all.text) }).toEqual({
    status: 200,
    answer: { retried: 22 },
  });
});
