import { appRoutes } from '@bull-board/api/dist/routes.js';
import { waitFor } from '@holdfast/testkit';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  basic,
  type OrderWorker,
  startOrderWorker,
  startTestDashboard,
  type TestDashboard,
  VIEWER,
} from './support/test-dashboard.ts';

/** What the worker's bug says. */
const TEXT = 'the price is not a number';
const asViewer = { authorization: basic(VIEWER.user, VIEWER.password), accept: 'text/html' };

let dashboard: TestDashboard;
let worker: OrderWorker;
let runId: string;
beforeAll(async () => {
  dashboard = await startTestDashboard();
  worker = startOrderWorker(dashboard.redis.url);
  runId = await worker.submit('dies');
  await waitFor(async () => (await worker.statusOf(runId)) === 'dead', { what: 'the death' });
});
afterAll(async () => {
  await worker.stop();
  await dashboard.stop();
});

test('pages show codes to viewers, and texts to admins', async () => {
  for (const path of [`/runs/${runId}`, '/runs?status=dead']) {
    const [admin, viewer] = await Promise.all([
      dashboard.ask({ path, headers: { accept: 'text/html' } }),
      dashboard.ask({ path, headers: asViewer }),
    ]);
    expect({ path, text: admin.text.includes(TEXT) }).toEqual({ path, text: true });
    expect(viewer.status).toBe(200);
    expect(viewer.text).not.toContain(TEXT);
    expect(viewer.text).toContain('type_error');
    expect(viewer.text).not.toContain('Ada Canary');
  }
});

test('Bull Board shows them neither payloads nor texts nor stacks, whatever they ask for', async () => {
  // a letter as they are, with more than a letter has
  const connection = new Redis(dashboard.redis.url, { maxRetriesPerRequest: null });
  const letters = new Queue('dead-letters', { connection, prefix: '{hf0}' });
  const letter = await letters.getJob(`${runId}.d1`);
  await letter?.log('logged Canary');
  await letter?.updateProgress({ note: 'progress Canary' });
  await letter?.updateData({ ...letter.data, note: 'data Canary' });
  await letters.close();
  connection.disconnect();

  const gets = appRoutes.api
    .filter(({ method }) => [method].flat().includes('get'))
    .flatMap(({ route }) => [route].flat())
    .map((route) => String(route).replace(':queueName', 'dead-letters').replace(':jobId', `${runId}.d1`));
  const list = '/api/queues?activeQueue=dead-letters&status=failed&page=1&jobsPerPage=10';
  let seen = '';
  for (const path of [list, ...gets]) {
    const admin = await dashboard.ask({ path: `/queues${path}` });
    seen += admin.text;
    const { text } = await dashboard.ask({
      path: `/queues${path}`,
      headers: { ...asViewer, accept: undefined },
    });
    expect({ path, text }).not.toMatchObject({
      text: expect.stringMatching(/Canary|price is not|\bat .*\.ts:/),
    });
  }
  expect(seen).toMatch(/data Canary/);
  expect(seen).toMatch(/logged Canary/);
  expect(seen).toContain(TEXT);

  const { text } = await dashboard.ask({ path: `/queues${list}`, headers: asViewer });
  const { queues } = JSON.parse(text);
  const { jobs } = queues.find(({ name }: { name: string }) => name === 'dead-letters');
  expect(jobs).toMatchObject([
    {
      id: `${runId}.d1`,
      failedReason: 'type_error',
      stacktrace: [],
      externalUrl: { href: `/runs/${runId}` },
    },
  ]);
  expect(Object.keys(jobs[0].data).sort()).toEqual(
    ['code', 'death', 'flow', 'kind', 'runId', 'step', 'tenant'].sort(),
  );
});
