import { createHmac, randomUUID } from 'node:crypto';
import { createLogger } from '@holdfast/app-kit';
import { defineFlow, type Flow } from '@holdfast/engine';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { type Sources, signal } from '@holdfast/webhooks';
import { type RunningWorker, readWorkerConfig, startWorkerApp } from '@holdfast/worker';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type RunningApi, readApiConfig, startApi } from '../src/index.ts';
import { type Ask, KEY, send } from './support/test-api.ts';

const SECRET = 'a secret of the test';

const bill = defineFlow({
  name: 'bill',
  version: 1,
  input: z.strictObject({ invoice: z.string() }),
  output: z.unknown(),
  async run(ctx, { invoice }) {
    await ctx.correlate('invoice', invoice);
    return ctx.waitFor('paid');
  },
});
const flows = [bill] as readonly Flow[];

const webhooks: Sources = {
  crm: {
    scheme: 'generic',
    on: {
      'invoice.paid': ({ body }) => signal({ correlation: ['invoice', String(body.invoice)] }, 'paid', body),
      'invoice.odd': () => signal({} as never, 'paid'),
    },
  },
};

let redis: TestRedis;
let connection: Redis;
let api: RunningApi;
let worker: RunningWorker;
beforeAll(async () => {
  redis = await startRedis();
  connection = new Redis(redis.url);
  const env = {
    HOLDFAST_API_PORT: '0',
    HOLDFAST_DRAIN_DELAY: '0s',
    HOLDFAST_REDIS_URL: redis.url,
    HOLDFAST_DEV_KEY: KEY,
    HOLDFAST_WEBHOOK_CRM: `generic:${SECRET}`,
    HOLDFAST_RETRY_SCALE: '0.01',
  };
  const log = createLogger('api', 'silent');
  api = await startApi(readApiConfig(env, webhooks), { flows }, log);
  worker = await startWorkerApp(readWorkerConfig([], env), flows, log, { webhooks });
  await worker.takesRuns;
  await waitFor(async () => (await ask({ path: '/readyz' })).status === 200, { what: 'Redis' });
});
afterAll(async () => {
  await worker.close();
  await api.close();
  connection.disconnect();
  await redis.stop();
});

const ask = (what: Ask) => send(api.url, what);

async function deliver(body: object, { id }: { readonly id: string }): Promise<void> {
  const raw = JSON.stringify(body);
  const { status } = await ask({
    method: 'POST',
    path: '/v1/webhooks/crm',
    headers: {
      authorization: undefined,
      'content-type': 'application/json',
      'x-webhook-id': id,
      'x-webhook-timestamp': String(Math.floor(Date.now() / 1_000)),
      'x-webhook-signature': createHmac('sha256', SECRET).update(raw).digest('hex'),
    },
    body: raw,
  });
  expect(status).toBe(200);
}

async function eventsOf(type: string): Promise<{ id: string; status: string; runId?: string }[]> {
  const { json } = await ask({ path: `/v1/webhook-events?limit=100&type=${type}` });
  return json.data as { id: string; status: string; runId?: string }[];
}

const eventThat = (id: string, status: string, type = 'invoice.paid') =>
  waitFor(async () => (await eventsOf(type)).find((event) => event.id === id && event.status === status), {
    what: `event ${id} to be ${status}`,
  });

describe('an event about something that a run has registered', () => {
  const submitBill = async (invoice: string) => {
    const { json } = await ask({
      method: 'POST',
      path: '/v1/flows/bill/runs',
      headers: { 'content-type': 'application/json', 'idempotency-key': randomUUID() },
      body: JSON.stringify({ invoice }),
    });
    return String(json.id);
  };
  const runThat = (id: string, status: string) =>
    waitFor(
      async () => {
        const { json } = await ask({ path: `/v1/runs/${id}` });
        return json.status === status ? json : undefined;
      },
      { what: `${id} to be ${status}` },
    );

  test('reaches it, once however often it comes', async () => {
    const runId = await submitBill('inv-1');
    await runThat(runId, 'suspended');
    const event = { type: 'invoice.paid', invoice: 'inv-1' };
    await deliver(event, { id: 'paid-1' });
    await deliver(event, { id: 'paid-1' });
    expect(await eventThat('paid-1', 'processed')).toMatchObject({ runId });
    expect((await runThat(runId, 'completed')).output).toEqual(event);
  });

  test('is kept while nobody has, and reaches the run as soon as it does', async () => {
    const events = [1, 2, 3].map((n) => ({
      id: `early-${n}`,
      body: { type: 'invoice.paid', invoice: 'inv-2', n },
    }));
    for (const { id, body } of events) await deliver(body, { id });
    for (const { id } of events) await eventThat(id, 'pending');
    const runId = await submitBill('inv-2');
    expect((await runThat(runId, 'completed')).output).toMatchObject({ invoice: 'inv-2' });
    const became = await waitFor(
      async () => {
        const all = (await eventsOf('invoice.paid')).filter(({ id }) => id.startsWith('early-'));
        return all.every(({ status }) => status !== 'pending') ? all : undefined;
      },
      { what: 'all three to be over' },
    );
    // one is taken; the others come in time, or after the end
    expect(became.filter(({ status }) => status === 'processed').length).toBeGreaterThan(0);
    for (const event of became) expect(event).toMatchObject({ runId });
  });

  test('changes nothing once that has ended, and leaves nothing without an end behind', async () => {
    const runId = await submitBill('inv-3');
    await runThat(runId, 'suspended');
    await deliver({ type: 'invoice.paid', invoice: 'inv-3' }, { id: 'paid-3' });
    await runThat(runId, 'completed');
    await deliver({ type: 'invoice.paid', invoice: 'inv-3', again: true }, { id: 'late-3' });
    expect(await eventThat('late-3', 'ignored')).toMatchObject({ runId });
    await waitFor(
      async () => {
        const keys = await connection.keys('{hf0}/*correlat*');
        const ttls = await Promise.all(keys.map((key) => connection.pttl(key)));
        return keys.length > 0 && ttls.every((ttl) => ttl > 0);
      },
      { what: 'all that is kept of references to expire' },
    );
  });

  test('a mapping for neither a run nor a reference fails', async () => {
    await deliver({ type: 'invoice.odd' }, { id: 'odd-target' });
    await eventThat('odd-target', 'failed', 'invoice.odd');
  });
});
