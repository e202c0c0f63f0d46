import { createClient } from '@holdfast/engine';
import { orderContract } from '@holdfast/flows';
import { redisStore } from '@holdfast/http';
import { waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  basic,
  IN_DOUBT,
  type OrderWorker,
  startOrderWorker,
  startTestDashboard,
  type TestDashboard,
  VIEWER,
} from './support/test-dashboard.ts';

let dashboard: TestDashboard;
let worker: OrderWorker;
let connection: Redis;
beforeAll(async () => {
  dashboard = await startTestDashboard();
  worker = startOrderWorker(dashboard.redis.url);
  worker.mend();
  connection = new Redis(dashboard.redis.url);
});
afterAll(async () => {
  connection.disconnect();
  await worker.stop();
  await dashboard.stop();
});

const page = async (path: string) =>
  (await dashboard.ask({ path, headers: { accept: 'text/html' } })).text.replaceAll('&#39;', "'");

async function until(runId: string, status: string): Promise<string> {
  await waitFor(async () => (await worker.statusOf(runId)) === status, { what: `${runId} to be ${status}` });
  return runId;
}

const post = (path: string, form: Record<string, string>) =>
  dashboard.ask({
    ...{ path, form },
    headers: { origin: dashboard.url, 'sec-fetch-site': 'same-origin', accept: 'text/html' },
  });

test('a step in doubt is shown with what it can be found by, and its result is a form', async () => {
  const runId = await until(await worker.submit('found', IN_DOUBT), 'dead');
  const text = await page(`/runs/${runId}`);
  expect(text).toContain(`<code class="whole">${runId}:1:ship</code>`);
  expect(text).toContain(`<code class="whole">${runId}.1.ship</code>`);
  expect(text).toMatch(/trackingNumber<br>|trackingNumber <br>/);
  for (const name of ['trackingNumber', 'labelId']) expect(text).toContain(`name="field.${name}"`);
  expect(text).toContain('Redrive: ship stays in doubt…');
  expect(text).toContain('ship has no look-up');

  const form = { step: 'ship', outcome: 'happened' };
  const refused = await post(`/runs/${runId}/resolve`, { ...form, 'field.labelId': 'lbl_1' });
  expect(refused.status).toBe(422);
  expect(refused.text).toContain('result.trackingNumber');
  const resolved = await post(`/runs/${runId}/resolve`, {
    ...form,
    ...{ 'field.labelId': ' lbl_1 ', 'field.trackingNumber': 'TRK-7', result: '' },
  });
  expect(resolved.status).toBe(303);
  await until(runId, 'completed');
  const record = await connection.hget(`{hf0}/run/${runId}`, 's:ship');
  expect(JSON.parse(record ?? '')).toMatchObject({
    answered: true,
    result: { labelId: 'lbl_1', trackingNumber: 'TRK-7' },
  });
  const after = await page(`/runs/${runId}`);
  expect(after).toContain('Resolved: a person said that ship happened');
  expect(after).toContain('done, as a person said');
});

test('each call stands on the page, with its outcome, its key and whether it was sent', async () => {
  const runId = await until(await worker.submit('calls', IN_DOUBT), 'dead');
  const text = await page(`/runs/${runId}`);
  const table = text.slice(text.indexOf('Calls and moments'));
  expect(table.match(/<th scope="row">/g)).toHaveLength(2);
  expect(table).toContain(`title="Idempotency-Key: ${runId}:1:charge"`);
  expect(table).toMatch(/t-in_doubt">in doubt<\/span> <code>timeout<\/code>/);
});

test('a cancel that was asked for is shown at once, with how the run will end', async () => {
  // nobody takes it: the tenant's worker lacks the flow
  const client = createClient({ connection, flows: [{ ...orderContract, name: 'waiting-order' }] });
  const { input } = await inputOf(await worker.submit('template'));
  const reply = await client.submit({
    ...{ flow: 'waiting-order', tenant: 'dev', idempotencyKey: 'c', fingerprint: 'c', input },
  });
  if (!('run' in reply)) throw new Error('no run');
  const { id } = reply.run;
  expect(await page(`/runs/${id}`)).toContain('Cancel: undo and end…');
  expect((await post(`/runs/${id}/cancel`, {})).status).toBe(303);
  const text = await page(`/runs/${id}?said=cancelling`);
  expect(text).toContain('<span class="asked">cancel requested</span>');
  expect(text).toContain('it ends as cancelled');
  expect(text).not.toContain('Cancel: undo and end…');
  await client.close();
});

test('a flow that nobody runs is named on the overview, in the list and on the page of its run; its queue is on the board', async () => {
  const client = createClient({
    connection,
    flows: [
      { ...orderContract, name: 'nobodys' },
      { ...orderContract, version: 99 },
    ],
  });
  const { input } = await inputOf(await worker.submit('template'));
  const ids: string[] = [];
  for (const flow of ['nobodys', 'order']) {
    const key = `${flow}-lacks`;
    const reply = await client.submit({ flow, tenant: 'dev', idempotencyKey: key, fingerprint: key, input });
    if ('run' in reply) ids.push(reply.run.id);
  }
  await client.close();
  const [lacksFlow = '', lacksVersion = ''] = ids;
  expect(await page(`/runs/${lacksFlow}`)).toContain('no live worker runs nobodys.');
  expect(await page(`/runs/${lacksVersion}`)).toContain('no worker has order@99.');
  const overview = await waitFor(
    async () => {
      const text = await page('/');
      return text.includes('no worker has <code>order@99</code>') ? text : undefined;
    },
    { what: 'the overview to say so' },
  );
  expect(overview).toContain('cannot continue: no live worker runs <code>nobodys</code>');
  const list = await page('/runs?key=nobodys-lacks');
  expect(await page('/runs')).toContain('no live worker runs <code>nobodys</code>');
  expect(list).toBeDefined();
  const board = await dashboard.ask({ path: '/queues/api/queues?page=1&jobsPerPage=10' });
  expect(board.text).toContain('"name":"nobodys"');
});

test('a provider that asked for a pause says until when, in red, and is reopened by an admin, which is in the log', async () => {
  const store = redisStore({ connection });
  const settled = {
    permit: 'w.1',
    admittedAtMs: Date.now(),
    verdict: 'throttled',
    taken: new Map(),
    limits: {},
  } as const;
  await store.settle('payment@1', {
    ...{ ...settled, closedForMs: 600_000, policyPerSecond: undefined },
    breaker: { firstMs: 1_000, maxMs: 4_000 },
  });
  const counts = new Map([
    ['ok', 54],
    ['throttled', 46],
  ]);
  const minute = Math.floor(Date.now() / 60_000);
  for (const scope of ['payment@1', 'shipping@1']) {
    await store.record(scope, { minute, counts, taken: new Map(), errors: [] });
  }
  const taken = new Map<number, number>();
  await store.settle('inventory@1', {
    ...{ ...settled, closedForMs: 600_000, policyPerSecond: undefined },
    endpoint: { name: 'reserve', taken, accountIsLimited: false },
    breaker: { firstMs: 1_000, maxMs: 4_000 },
  });
  await store.record('inventory@1', { minute, counts: new Map([['ok', 1]]), taken, errors: [] });
  const stopped = await waitFor(
    async () => {
      const text = await page('/');
      return ['shipping', 'inventory'].every((name) => text.includes(`${name}</th>`)) ? text : undefined;
    },
    { what: 'the providers' },
  );
  expect(stopped).toMatch(/payment<\/th><td class="state"><span class="step bad">no calls until <time/);
  expect(stopped).toContain('it asked for a pause');
  expect(stopped).toContain('<span class="step bad">takes calls, many fail</span>');
  expect(stopped).toContain('<span class="bad-figure">46 %</span>');
  expect(stopped).toMatch(
    /inventory<\/th><td class="state"><span class="step bad">no calls to reserve until <time/,
  );
  expect(stopped).toContain('Reopen inventory…');
  expect(stopped).toContain('Reopen payment…');
  expect(stopped).not.toContain('Reopen shipping…');
  expect((await post('/providers/reopen', { provider: 'payment' })).headers.location).toBe('/?said=reopened');
  const open = await waitFor(
    async () => {
      const text = await page('/');
      return text.includes('Reopen payment…') ? undefined : text;
    },
    { what: 'the provider to be open' },
  );
  expect(open).toMatch(/ada \(dashboard\) reopened payment/);
  expect((await post('/providers/reopen', { provider: 'nobody' })).status).toBe(404);
  const viewer = basic(VIEWER.user, VIEWER.password);
  const refused = await dashboard.ask({
    ...{ path: '/providers/reopen', form: { provider: 'payment' } },
    headers: { origin: dashboard.url, 'sec-fetch-site': 'same-origin', authorization: viewer },
  });
  expect(refused.status).toBe(403);
});

async function inputOf(runId: string): Promise<{ readonly input: unknown }> {
  const text = await waitFor(() => connection.hget(`{hf0}/run/${runId}`, 'input'), { what: 'the input' });
  return { input: JSON.parse(text ?? '') };
}
