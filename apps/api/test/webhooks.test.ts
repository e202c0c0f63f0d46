import { createHmac, randomUUID } from 'node:crypto';
import { connectRedis, createLogger } from '@holdfast/app-kit';
import { defineFlow, type Flow } from '@holdfast/engine';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { ignore, type Sources, signal, submit } from '@holdfast/webhooks';
import { type RunningWorker, readWorkerConfig, startWorkerApp } from '@holdfast/worker';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type RunningApi, readApiConfig, startApi } from '../src/index.ts';
import { type Answer, type Ask, KEY, send } from './support/test-api.ts';

const SECRET = 'a secret of the test';

const approve = defineFlow({
  name: 'approve',
  version: 1,
  input: z.strictObject({ amount: z.number() }),
  output: z.strictObject({ by: z.string() }),
  async run(ctx) {
    return { by: await ctx.waitFor('approved', { schema: z.string() }) };
  },
});
const flows = [approve] as readonly Flow[];

const text = (value: unknown) => String(value);
const webhooks: Sources = {
  crm: {
    scheme: 'generic',
    on: {
      'approval.asked': ({ body }) => submit('approve', { amount: Number(body.amount) }),
      'approval.given': ({ body }) => signal({ run: text(body.run) }, 'approved', text(body.by)),
      'approval.latest': {
        order: 'latest',
        subject: ({ body }) => text(body.subject),
        time: ({ body }) => Number(body.at),
        do: () => submit('approve', { amount: 1 }),
      },
      'approval.odd': () => {
        throw new Error('a mistake in the mapping');
      },
      'approval.nothing': () => undefined as never,
      'approval.wrong': () => submit('approve', { amount: 'many' }),
      'approval.noted': () => ignore(),
    },
  },
};

let redis: TestRedis;
let api: RunningApi;
let worker: RunningWorker;
beforeAll(async () => {
  redis = await startRedis();
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
  await redis.stop();
});

const ask = (what: Ask) => send(api.url, what);
const outcome = ({ status, json }: Answer) => ({ status, code: json.code });

interface Delivered {
  readonly id?: string;
  readonly headers?: Ask['headers'];
  readonly source?: string;
}

function deliver(body: object | string, { id = randomUUID(), headers = {}, source = 'crm' }: Delivered = {}) {
  const raw = typeof body === 'string' ? body : JSON.stringify(body);
  return ask({
    method: 'POST',
    path: `/v1/webhooks/${source}`,
    headers: {
      authorization: undefined,
      'content-type': 'application/json',
      'x-webhook-id': id,
      'x-webhook-timestamp': String(Math.floor(Date.now() / 1_000)),
      'x-webhook-signature': createHmac('sha256', SECRET).update(raw).digest('hex'),
      ...headers,
    },
    body: raw,
  });
}

async function events(query = ''): Promise<{ id: string; type: string; status: string; runId?: string }[]> {
  const { json } = await ask({ path: `/v1/webhook-events?limit=100${query}` });
  return json.data as { id: string; type: string; status: string; runId?: string }[];
}

const eventThat = (id: string, status: string) =>
  waitFor(async () => (await events()).find((event) => event.id === id && event.status === status), {
    what: `event ${id} to be ${status}`,
  });

async function runsOf(flow: string): Promise<string[]> {
  const { json } = await ask({ path: `/v1/runs?flow=${flow}&limit=100` });
  return (json.data as { id: string }[]).map(({ id }) => id);
}

const received = { status: 200, json: { received: true } };

test('an event submits a run, once however often it comes', async () => {
  const event = { type: 'approval.asked', amount: 7 };
  const before = (await runsOf('approve')).length;
  expect(await deliver(event, { id: 'asked-1' })).toMatchObject(received);
  const { runId } = await eventThat('asked-1', 'processed');
  const again = await Promise.all(Array.from({ length: 5 }, () => deliver(event, { id: 'asked-1' })));
  for (const answer of again) expect(answer).toMatchObject(received);
  const runs = await runsOf('approve');
  expect(runs.length).toBe(before + 1);
  expect(runs).toContain(runId);
  expect(await events('&type=approval.asked')).toHaveLength(1);
});

test('an event signals the run that it names, also before that run is there', async () => {
  const submitRun = (key: string) =>
    ask({
      method: 'POST',
      path: '/v1/flows/approve/runs',
      headers: { 'content-type': 'application/json', 'idempotency-key': key },
      body: '{"amount":3}',
    });
  const { json: first } = await submitRun('later-1');
  await deliver({ type: 'approval.given', run: first.id, by: 'Ada', n: 1 }, { id: 'given-1' });
  expect(await eventThat('given-1', 'processed')).toMatchObject({ runId: first.id });
  const done = await waitFor(
    async () => {
      const { json } = await ask({ path: `/v1/runs/${first.id}` });
      return json.status === 'completed' && json;
    },
    { what: 'the run to end' },
  );
  expect(done.output).toEqual({ by: 'Ada' });
  // it has ended: the same word again does nothing
  await deliver({ type: 'approval.given', run: first.id, by: 'Bea', n: 2 }, { id: 'given-2' });
  await eventThat('given-2', 'ignored');
});

test('an event that is older than one already handled is skipped; of the same time both are handled', async () => {
  const at = (time: number, n: number) => ({ type: 'approval.latest', subject: 's1', at: time, n });
  for (const [n, time] of [20, 10, 20, 30].entries()) {
    await deliver(at(time, n), { id: `latest-${n}` });
    await eventThat(`latest-${n}`, time === 10 ? 'skipped' : 'processed');
  }
});

test('a type that nobody handles is kept, visible and without effect', async () => {
  expect(await deliver({ type: 'approval.unheard' }, { id: 'unheard-1' })).toMatchObject(received);
  await eventThat('unheard-1', 'ignored');
  await deliver({ type: 'constructor' }, { id: 'constructor-1' });
  await eventThat('constructor-1', 'ignored');
  await deliver({ type: 'approval.noted' }, { id: 'noted-1' });
  await eventThat('noted-1', 'ignored');
});

test('a mapping that throws, or asks for what cannot be, is a failed event', async () => {
  await deliver({ type: 'approval.odd' }, { id: 'odd-1' });
  await eventThat('odd-1', 'failed');
  await deliver({ type: 'approval.nothing' }, { id: 'nothing-1' });
  await eventThat('nothing-1', 'failed');
  await deliver({ type: 'approval.wrong' }, { id: 'wrong-1' });
  await eventThat('wrong-1', 'failed');
  const { json } = await ask({ path: '/v1/runs?flow=webhook&status=failed' });
  const codes = (json.data as { error: { code: string } }[]).map(({ error }) => error.code);
  expect(codes.sort()).toEqual(['validation_failed', 'webhook_mapping_failed', 'webhook_mapping_failed']);
});

test('its runs are listed by their name alone, and nobody can submit one', async () => {
  const { json } = await ask({ path: '/v1/runs?limit=100' });
  expect((json.data as { flow: string }[]).map(({ flow }) => flow)).not.toContain('webhook');
  const submitted = await ask({
    method: 'POST',
    path: '/v1/flows/webhook/runs',
    headers: { 'content-type': 'application/json', 'idempotency-key': 'k' },
    body: '{}',
  });
  expect(outcome(submitted)).toEqual({ status: 403, code: 'flow_not_submittable' });
});

describe('refused, in this order', () => {
  const body = { type: 'approval.noted', pad: '' };

  test('an unknown source, whatever is sent', async () => {
    const answer = await deliver('x'.repeat(300_000), { source: 'nobody' });
    expect(outcome(answer)).toEqual({ status: 404, code: 'unknown_webhook_source' });
  });

  test('a body of more than 256 KiB', async () => {
    const answer = await deliver(
      { ...body, pad: 'x'.repeat(300_000) },
      { headers: { 'content-type': 'text/plain' } },
    );
    expect(outcome(answer)).toEqual({ status: 413, code: 'body_too_large' });
  });

  test.each([
    { 'content-type': 'text/plain' },
    { 'content-type': undefined },
    { 'content-encoding': 'gzip' },
  ])('what is not plain JSON: %j', async (headers) => {
    const wrong = { ...headers, 'x-webhook-signature': 'wrong' };
    expect(outcome(await deliver(body, { headers: wrong }))).toEqual({
      status: 415,
      code: 'media_type_unsupported',
    });
  });

  test.each([
    { 'x-webhook-signature': undefined },
    { 'x-webhook-signature': 'wrong' },
    { 'x-webhook-timestamp': '1' },
    { 'x-webhook-timestamp': '123abc' },
  ])('what is not signed now: %j', async (headers) => {
    const answer = await deliver('not JSON either', { headers });
    expect(outcome(answer)).toEqual({ status: 401, code: 'webhook_signature_invalid' });
  });

  test.each(['', 'not JSON', '[]', '{}', '{"type":7}'])('what is no event: %s', async (raw) => {
    expect(outcome(await deliver(raw))).toEqual({ status: 400, code: 'webhook_malformed' });
  });

  test('an id that was used for another body', async () => {
    await deliver({ ...body, n: 1 }, { id: 'used-1' });
    const answer = await deliver({ ...body, n: 2 }, { id: 'used-1' });
    expect(outcome(answer)).toEqual({ status: 409, code: 'webhook_id_reused' });
    const connection = new Redis(redis.url);
    const counted = await connection.hgetall('{hf0}/alert/webhook_id_reused');
    connection.disconnect();
    expect(JSON.stringify(counted)).toContain('used-1');
  });
});

test('the same body under another id is the same event, since the signature does not cover the id', async () => {
  await deliver({ type: 'approval.noted', once: true }, { id: 'body-1' });
  expect(await deliver({ type: 'approval.noted', once: true }, { id: 'body-2' })).toMatchObject(received);
  const ids = (await events()).map(({ id }) => id);
  expect(ids).toContain('body-1');
  expect(ids).not.toContain('body-2');
});

test('the list is filtered by source, type and status, and paged', async () => {
  expect(await events('&source=nobody')).toEqual([]);
  for (const { type } of await events('&source=crm&type=approval.noted')) expect(type).toBe('approval.noted');
  for (const { status } of await events('&status=skipped')) expect(status).toBe('skipped');
  const { json } = await ask({ path: '/v1/webhook-events?limit=2' });
  expect(json.data).toHaveLength(2);
  expect(json.nextCursor).toEqual(expect.any(String));
});

test('a flood of bad signatures is refused; one that verifies never is', async () => {
  const bad = { headers: { 'x-webhook-signature': 'wrong' } };
  const answers = await Promise.all(Array.from({ length: 305 }, () => deliver({ type: 'x' }, bad)));
  expect(answers.map(({ status }) => status)).toContain(401);
  expect(outcome(await deliver({ type: 'x' }, bad))).toEqual({ status: 429, code: 'rate_limited' });
  expect(await deliver({ type: 'approval.noted', after: 'the flood' })).toMatchObject(received);
});

test('nothing is taken while Redis is away: 503, and sent again it is', async () => {
  const event = { type: 'approval.noted', during: 'an outage' };
  await redis.kill('SIGKILL');
  expect(outcome(await deliver(event, { id: 'outage-1' }))).toEqual({
    status: 503,
    code: 'store_unavailable',
  });
  await redis.start();
  await waitFor(async () => (await deliver(event, { id: 'outage-1' })).status === 200, { what: 'the API' });
  await eventThat('outage-1', 'ignored');
});

test('secrets and signatures are in no run', async () => {
  const connection = connectRedis({ urls: [redis.url] }, { for: 'worker' }, createLogger('worker', 'silent'));
  const keys = await connection.keys('{hf0}/run/*');
  const runs = JSON.stringify(await Promise.all(keys.map((key) => connection.hgetall(key))));
  connection.disconnect();
  expect(runs).toContain('approval.noted');
  expect(runs).not.toContain(SECRET);
  expect(runs).not.toMatch(/x-webhook-signature/);
});
