import { type Callback, defineFlow, type Flow, RejectedError } from '@holdfast/engine';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { type RunningWorker, readWorkerConfig, startWorkerApp } from '@holdfast/worker';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type RunningApi, readApiConfig, startApi } from '../src/index.ts';
import { conformanceTo, type OpenApi, type SeenAnswer } from './support/conformance.ts';
import { newKey } from './support/order.ts';
import { type Answer, type Ask, KEY, send } from './support/test-api.ts';

/** The callbacks that flows gave away, by their runs. */
const given = new Map<string, Callback<unknown>[]>();

const ask = defineFlow({
  name: 'ask',
  version: 1,
  input: z.strictObject({ timeout: z.string().optional(), strict: z.boolean().optional() }),
  output: z.unknown(),
  async run(ctx, { timeout, strict }) {
    const callback = await ctx.callback('approval', {
      ...(timeout !== undefined && { timeout: timeout as '1s' }),
      ...(strict && { schema: z.strictObject({ by: z.string() }) }),
    });
    await ctx.step('tell', {
      run: () => void given.set(ctx.runId, [...(given.get(ctx.runId) ?? []), callback]),
      whenInDoubt: 'repeat',
    });
    return callback.wait();
  },
});

const early = defineFlow({
  name: 'early',
  version: 1,
  input: z.strictObject({}),
  output: z.unknown(),
  async run(ctx) {
    const callback = await ctx.callback('approval');
    await ctx.step('tell', { run: () => void given.set(ctx.runId, [callback]), whenInDoubt: 'repeat' });
    await ctx.waitFor('go');
    return callback.wait();
  },
});

const careless = defineFlow({
  name: 'careless',
  version: 1,
  input: z.strictObject({}),
  output: z.unknown(),
  async run(ctx) {
    const callback = await ctx.callback('approval');
    given.set(ctx.runId, [callback]);
    await ctx.step('tell', {
      run: () => {
        throw new RejectedError({ code: 'no', message: `nobody takes ${callback.url} here` });
      },
    });
  },
});

const PUBLIC = 'https://hooks.example.com/base';
const flows = [ask, early, careless] as readonly Flow[];
const written: string[] = [];
let redis: TestRedis;
let api: RunningApi;
let worker: RunningWorker;
let faultsOf: (answer: SeenAnswer) => string[];

beforeAll(async () => {
  redis = await startRedis();
  const env = {
    HOLDFAST_API_PORT: '0',
    HOLDFAST_DRAIN_DELAY: '0s',
    HOLDFAST_REDIS_URL: redis.url,
    HOLDFAST_DEV_KEY: KEY,
    HOLDFAST_RETRY_SCALE: '0.01',
    HOLDFAST_PUBLIC_URL: PUBLIC,
  };
  const log = pino({ level: 'trace' }, { write: (line: string) => written.push(line) });
  api = await startApi(readApiConfig(env), { flows }, log);
  worker = await startWorkerApp(readWorkerConfig([], env), flows, log);
  await worker.takesRuns;
  await waitFor(async () => (await send(api.url, { path: '/readyz' })).status === 200, { what: 'Redis' });
  const { json } = await send(api.url, { path: '/openapi.json' });
  faultsOf = conformanceTo(json as unknown as OpenApi);
});
afterAll(async () => {
  await worker.close();
  await api.close();
  await redis.stop();
});
beforeEach(() => given.clear());

async function asked(what: Ask): Promise<Answer> {
  const answer = await send(api.url, what);
  const { method = 'GET', path } = what;
  const seen = { method, path, status: answer.status, body: answer.json };
  expect(faultsOf({ ...seen, contentType: answer.headers['content-type'] ?? '' })).toEqual([]);
  return answer;
}

const post = (path: string, body: unknown, headers: Ask['headers'] = {}) =>
  asked({
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

/** Without any key. */
const complete = (id: string, body: unknown) =>
  post(`/v1/callbacks/${id}`, body, { authorization: undefined });

const outcome = ({ status, json }: Answer) => ({ status, code: json.code });

async function start(
  flow: string,
  input: object = {},
): Promise<{ runId: string; callback: Callback<unknown> }> {
  const { json } = await post(`/v1/flows/${flow}/runs`, input, { 'idempotency-key': newKey() });
  const runId = String(json.id);
  const callback = await waitFor(() => given.get(runId)?.[0], { what: `a callback of ${runId}` });
  return { runId, callback };
}

const runThat = (runId: string, status: string) =>
  waitFor(
    async () => {
      const { json } = await asked({ path: `/v1/runs/${runId}` });
      return json.status === status ? json : undefined;
    },
    { what: `${runId} to be ${status}` },
  );

test('a callback is completed once by whoever has its URL', async () => {
  const { runId, callback } = await start('ask', { timeout: '1h' });
  expect(callback.url).toBe(`${PUBLIC}/v1/callbacks/${callback.id}`);
  expect(callback.id).toMatch(/^[A-Za-z0-9_-]{43,}$/);
  const waiting = await runThat(runId, 'suspended');
  expect(waiting.waitingFor).toEqual({ kind: 'callback', name: 'approval', until: expect.any(String) });

  const result = { by: 'ada', amount: 7 };
  expect(await complete(callback.id, { result })).toMatchObject({ status: 202, json: { completed: true } });
  expect((await runThat(runId, 'completed')).output).toEqual(result);
  const reordered = '{ "result": { "amount": 7, "by": "ada" } }';
  expect(await complete(callback.id, reordered)).toMatchObject({ status: 200, json: { completed: true } });
  const otherwise = { status: 409, code: 'callback_completed' };
  expect(outcome(await complete(callback.id, { result: { by: 'eve' } }))).toEqual(otherwise);
  expect(outcome(await complete(callback.id, { error: { code: 'no', message: '' } }))).toEqual(otherwise);
});

test('of many at once one counts', async () => {
  const { runId, callback } = await start('ask');
  const answers = await Promise.all([1, 2, 3, 4, 5, 6].map((result) => complete(callback.id, { result })));
  expect(answers.map(({ status }) => status).sort()).toEqual([202, 409, 409, 409, 409, 409]);
  const first = answers.findIndex(({ status }) => status === 202) + 1;
  expect((await runThat(runId, 'completed')).output).toBe(first);
});

test('an error rejects the wait with its code', async () => {
  const { runId, callback } = await start('ask');
  const error = { code: 'budget_used_up', message: 'There is nothing left.' };
  expect((await complete(callback.id, { error })).status).toBe(202);
  expect((await runThat(runId, 'failed')).error).toMatchObject({ ...error, kind: 'rejected' });
  expect((await complete(callback.id, { error })).status).toBe(200);
});

test('a result that does not fit the schema rejects the wait', async () => {
  const { runId, callback } = await start('ask', { strict: true });
  expect((await complete(callback.id, { result: { by: 1 } })).status).toBe(202);
  expect((await runThat(runId, 'failed')).error).toMatchObject({ code: 'callback_invalid' });
});

test('null is a result', async () => {
  const { runId, callback } = await start('ask');
  expect((await complete(callback.id, { result: null })).status).toBe(202);
  expect((await runThat(runId, 'completed')).output).toBeNull();
});

test('what comes before the flow waits is kept', async () => {
  const { runId, callback } = await start('early');
  await runThat(runId, 'suspended');
  expect((await complete(callback.id, { result: 'soon' })).status).toBe(202);
  expect((await complete(callback.id, { result: 'soon' })).status).toBe(200);
  await post(`/v1/runs/${runId}/signals/go`, { id: 's1' });
  expect((await runThat(runId, 'completed')).output).toBe('soon');
});

describe('there is no such callback', () => {
  const missing = { status: 404, code: 'callback_not_found' };

  test('when the id is another one', async () => {
    const { callback } = await start('ask');
    const { id } = callback;
    const last = id.endsWith('A') ? 'B' : 'A';
    const ids = ['x', 'cb_', `${id.slice(0, -1)}${last}`, `${id}A`, id.slice(0, -1), `cb_${'A'.repeat(64)}`];
    for (const other of ids)
      expect({ other, ...outcome(await complete(other, { result: 1 })) }).toEqual({ other, ...missing });
  });

  test('once its time is up', async () => {
    const { runId, callback } = await start('ask', { timeout: '300ms' });
    expect((await runThat(runId, 'failed')).error).toMatchObject({ code: 'callback_timeout' });
    expect(outcome(await complete(callback.id, { result: 1 }))).toEqual(missing);
  });

  test('once its run was cancelled', async () => {
    const { runId, callback } = await start('ask');
    await post(`/v1/runs/${runId}/cancel`, {});
    await runThat(runId, 'cancelled');
    expect(outcome(await complete(callback.id, { result: 1 }))).toEqual(missing);
  });

  test('once its run was started afresh, which gives another one', async () => {
    const { runId, callback } = await start('ask');
    await complete(callback.id, { result: 1 });
    await runThat(runId, 'completed');
    await post(`/v1/runs/${runId}/rerun`, {});
    const next = await waitFor(() => given.get(runId)?.[1], { what: 'another callback' });
    expect(next.id).not.toBe(callback.id);
    expect(outcome(await complete(callback.id, { result: 1 }))).toEqual(missing);
    expect((await complete(next.id, { result: 2 })).status).toBe(202);
    expect((await runThat(runId, 'completed')).output).toBe(2);
  });
});

test('a body must have exactly one of result and error, and nothing else', async () => {
  const { callback } = await start('ask');
  const error = { code: 'no', message: 'no' };
  const bad = [
    {},
    { result: 1, error },
    { result: 1, more: 1 },
    { error: { code: 'no' } },
    { error: { ...error, more: 1 } },
    { error: { ...error, code: 'a b' } },
    { error: 'no' },
    [],
    '"text"',
    '{"result":-0}',
  ];
  for (const body of bad)
    expect({ body, ...outcome(await complete(callback.id, body)) }).toEqual({
      ...{ body, status: 422 },
      code: 'validation_failed',
    });
  expect(outcome(await complete(callback.id, '{'))).toEqual({ status: 400, code: 'body_malformed' });
  const large = outcome(await complete(callback.id, { result: 'x'.repeat(300 * 1024) }));
  expect(large).toEqual({ status: 413, code: 'body_too_large' });
  expect((await complete(callback.id, { result: 1 })).status).toBe(202);
});

test('no signal completes a callback', async () => {
  const { runId, callback } = await start('ask');
  await runThat(runId, 'suspended');
  for (const name of ['callback:approval', 'callback%3Aapproval%231', 'callback:approval%231']) {
    const sent = await post(`/v1/runs/${runId}/signals/${name}`, {
      id: newKey(),
      payload: { result: 'forged' },
    });
    expect(outcome(sent)).toEqual({ status: 422, code: 'signal_invalid' });
  }
  const sent = await post(`/v1/runs/${runId}/signals/approval`, { id: 's1', payload: { result: 'forged' } });
  expect(sent.status).toBe(202);
  await complete(callback.id, { result: 'real' });
  expect((await runThat(runId, 'completed')).output).toBe('real');
});

test('its id is in no answer, no log, and not in Redis', async () => {
  const { runId, callback } = await start('ask');
  await runThat(runId, 'suspended');
  const { callback: spilt, runId: careless } = await start('careless');
  expect(JSON.stringify((await runThat(careless, 'failed')).error)).toContain('[redacted]');
  await complete(callback.id, { result: 1 });
  await complete(callback.id, { result: 2 });
  await runThat(runId, 'completed');
  const shown: string[] = [];
  for (const id of [runId, careless])
    for (const path of ['', '/attempts', '/payloads', '/timeline.svg', '/events'])
      shown.push((await asked({ path: `/v1/runs/${id}${path}` })).text);
  shown.push((await asked({ path: '/v1/runs?limit=100' })).text);
  const connection = new Redis(redis.url);
  for (const id of [runId, careless]) shown.push(JSON.stringify(await connection.hgetall(`{hf0}/run/${id}`)));
  connection.disconnect();
  for (const { id } of [callback, spilt]) {
    expect(shown.filter((text) => text.includes(id))).toEqual([]);
    expect(written.filter((line) => line.includes(id))).toEqual([]);
  }
  expect(written.length).toBeGreaterThan(5);
});
