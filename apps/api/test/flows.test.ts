import { createClient } from '@holdfast/engine';
import { orderContract } from '@holdfast/flows';
import { waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ORDER } from './support/order.ts';
import { type Answer, startTestApi, type TestApi } from './support/test-api.ts';
import { startTestWorker, type TestWorker } from './support/test-worker.ts';

let api: TestApi;
let worker: TestWorker;
beforeAll(async () => {
  api = await startTestApi();
  worker = startTestWorker(api.redis.url);
});
afterAll(async () => {
  await worker.stop();
  await api.stop();
});

const act = (what: 'pause' | 'resume', flow = 'order', headers: Record<string, string> = {}) =>
  api.ask({ method: 'POST', path: `/v1/flows/${flow}/${what}`, headers });
const flows = async () => (await api.ask({ path: '/v1/flows' })).json.data as Record<string, unknown>[];
const runThat = (id: string, is: (run: Answer['json']) => boolean, what: string) =>
  waitFor(
    async () => {
      const { json } = await api.ask({ path: `/v1/runs/${id}` });
      return is(json) && json;
    },
    { what: `run ${id} to be ${what}` },
  );
const completed = (id: string) => runThat(id, ({ status }) => status === 'completed', 'completed');
const audit = async () =>
  (await api.ask({ path: '/v1/audit?limit=100' })).json.data as Record<string, unknown>[];

test('a paused flow takes orders with 202 and begins none; what runs goes on; resumed, they begin', async () => {
  const running = String((await api.order({ ...ORDER, paymentMethod: 'pm_settles' })).json.id);
  await runThat(running, ({ status }) => status === 'suspended', 'suspended');

  const key = { 'idempotency-key': 'pause-1' };
  const paused = await act('pause', 'order', key);
  expect(paused.status).toBe(200);
  expect(paused.json).toMatchObject({ flow: 'order', paused: true, pausedFor: 'flow' });
  expect(Date.parse(String(paused.json.pausedSince))).toBeGreaterThan(Date.now() - 60_000);
  expect((await act('pause', 'order', key)).headers['idempotent-replayed']).toBe('true');
  expect((await act('pause')).json).toEqual(paused.json);
  expect(await flows()).toContainEqual(paused.json);
  expect(await flows()).toContainEqual(expect.objectContaining({ flow: 'payment', paused: false }));

  const accepted = await api.order(ORDER);
  expect(accepted.status).toBe(202);
  const id = String(accepted.json.id);
  const held = await runThat(id, ({ waitingFor }) => waitingFor !== undefined, 'held back');
  expect(held).toMatchObject({ status: 'suspended', waitingFor: { kind: 'paused' }, steps: [] });

  await api.order({ id: 'paid', payload: '<m2>' }, {}, `/v1/runs/${running}/signals/payment.settled`);
  await completed(running);

  expect((await act('resume')).json).toEqual({ flow: 'order', version: paused.json.version, paused: false });
  await completed(id);
  expect((await act('resume')).status).toBe(200);
  const [resumed, before, ...others] = (await audit()).filter(({ action }) =>
    ['pause', 'resume'].includes(String(action)),
  );
  expect(resumed).toMatchObject({ action: 'resume', outcome: 'resumed', detail: { flow: 'order' } });
  expect(before).toMatchObject({ action: 'pause', outcome: 'paused', detail: { flow: 'order' } });
  expect(others).toEqual([]);
});

test('a tenant does not end what an operator of the system paused, and is told so', async () => {
  const connection = new Redis(api.redis.url);
  const system = createClient({ connection, flows: [orderContract] });
  try {
    await system.pause({ flow: 'order' }, 'ada');
    expect((await act('resume')).json).toMatchObject({ paused: true, pausedFor: 'flow_for_all_tenants' });
    await system.resume({ flow: 'order' });
    await system.pause({ tenant: 'dev' }, 'ada');
    expect((await act('resume')).json).toMatchObject({ paused: true, pausedFor: 'tenant' });
    expect(new Set((await flows()).map(({ paused }) => paused))).toEqual(new Set([true]));
    const id = String((await api.order(ORDER)).json.id);
    await runThat(id, ({ waitingFor }) => waitingFor !== undefined, 'held back');
    await system.resume({ tenant: 'dev' });
    await completed(id);
  } finally {
    await system.close();
    connection.disconnect();
  }
});

test('a flow that there is not, and a body, are refused', async () => {
  for (const what of ['pause', 'resume'] as const) {
    const { status, json } = await act(what, 'nothing');
    expect({ status, code: json.code }).toEqual({ status: 404, code: 'flow_unknown' });
    expect((await api.order({ for: 'all' }, {}, `/v1/flows/order/${what}`)).status).toBe(422);
  }
});
