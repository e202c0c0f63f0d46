import { randomBytes } from 'node:crypto';
import { createLogger } from '@holdfast/app-kit';
import { defineFlow, type Flow } from '@holdfast/engine';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { type RunningWorker, readWorkerConfig, startWorkerApp } from '@holdfast/worker';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type RunningApi, readApiConfig, startApi } from '../src/index.ts';
import { conformanceTo, type OpenApi, type SeenAnswer } from './support/conformance.ts';
import { newKey } from './support/order.ts';
import { type Answer, type Ask, KEY, send } from './support/test-api.ts';

const sync = defineFlow({
  name: 'sync',
  version: 1,
  input: z.strictObject({ name: z.string(), encrypted: z.boolean().optional() }),
  output: z.unknown(),
  async run(ctx, { name, encrypted = false }) {
    const state = ctx.state<{ n: number }>(name);
    const before = await state.get();
    await state.set({ n: (before?.n ?? 0) + 1 }, { encrypted });
    return { n: (await state.get())?.n, before: before?.n ?? null };
  },
});

const hold = defineFlow({
  name: 'hold',
  version: 1,
  input: z.strictObject({ name: z.string() }),
  output: z.unknown(),
  async run(ctx, { name }) {
    const state = ctx.state(name);
    await state.get();
    await ctx.waitFor('go');
    await state.set('mine');
    return state.get();
  },
});
const flows = [sync, hold] as readonly Flow[];

const SECRET_N = 7_654_321;
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
    HOLDFAST_ENCRYPTION_KEYS: `k1:${randomBytes(32).toString('base64')}`,
  };
  const log = createLogger('api', 'silent');
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

async function asked(what: Ask): Promise<Answer> {
  const answer = await send(api.url, what);
  const { method = 'GET', path } = what;
  const seen = { method, path, status: answer.status, body: answer.json };
  expect(faultsOf({ ...seen, contentType: answer.headers['content-type'] ?? '' })).toEqual([]);
  return answer;
}
const pathOf = (name: string) => `/v1/state/${encodeURIComponent(name)}`;
const read = (name: string, headers: Ask['headers'] = {}) => asked({ path: pathOf(name), headers });
const put = (name: string, value: unknown, headers: Ask['headers'] = {}) =>
  asked({
    method: 'PUT',
    path: pathOf(name),
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ value }),
  });
const remove = (name: string, headers: Ask['headers'] = {}) =>
  asked({ method: 'DELETE', path: pathOf(name), headers });
const outcome = ({ status, json }: Answer) => ({ status, code: json.code });

async function post(path: string, body: unknown): Promise<Answer> {
  const headers = { 'content-type': 'application/json', 'idempotency-key': newKey() };
  return asked({ method: 'POST', path, headers, body: JSON.stringify(body) });
}
async function run(flow: string, input: object): Promise<string> {
  return String((await post(`/v1/flows/${flow}/runs`, input)).json.id);
}
const runThat = (id: string, status: string) =>
  waitFor(
    async () => {
      const { json } = await asked({ path: `/v1/runs/${id}` });
      return json.status === status ? json : undefined;
    },
    { what: `${id} to be ${status}` },
  );

describe('a value', () => {
  test('is created, read, replaced and deleted', async () => {
    const created = await put('plain', { a: 1 });
    expect(created).toMatchObject({ status: 201, json: { name: 'plain', value: { a: 1 } } });
    const { etag } = created.headers;
    expect(etag).toMatch(/^"[^"]+"$/);
    const seen = await read('plain');
    expect(seen).toMatchObject({ status: 200, json: created.json });
    expect(seen.headers.etag).toBe(etag);
    expect((await read('plain', { 'if-none-match': etag })).status).toBe(304);

    const replaced = await put('plain', [null]);
    expect(replaced).toMatchObject({ status: 200, json: { value: [null] } });
    expect(replaced.headers.etag).not.toBe(etag);
    expect((await remove('plain')).status).toBe(204);
    expect(outcome(await read('plain'))).toEqual({ status: 404, code: 'state_not_found' });
    expect(outcome(await remove('plain'))).toEqual({ status: 404, code: 'state_not_found' });
  });

  test('is changed only as its ETag says', async () => {
    const changed = { status: 412, code: 'precondition_failed' };
    expect(outcome(await put('etag', 1, { 'if-match': '*' }))).toEqual(changed);
    const first = String((await put('etag', 1, { 'if-none-match': '*' })).headers.etag);
    expect(outcome(await put('etag', 2, { 'if-none-match': '*' }))).toEqual(changed);
    const second = String((await put('etag', 2, { 'if-match': first })).headers.etag);
    expect(outcome(await put('etag', 3, { 'if-match': first }))).toEqual(changed);
    expect(outcome(await put('etag', 3, { 'if-match': `W/${second}` }))).toEqual(changed);
    expect(outcome(await remove('etag', { 'if-match': first }))).toEqual(changed);
    expect((await put('etag', 3, { 'if-match': `"other", ${second}` })).status).toBe(200);
    expect((await remove('etag', { 'if-match': '*' })).status).toBe(204);
    // the same value again under the same name is another edition
    expect((await put('etag', 1)).headers.etag).not.toBe(first);
    expect(outcome(await put('etag', 1, { 'if-match': 'x' }))).toEqual({
      status: 400,
      code: 'header_invalid',
    });
  });

  test('of many changes at once one wins for an ETag', async () => {
    const { etag } = (await put('race', 0)).headers;
    const answers = await Promise.all([1, 2, 3, 4, 5].map((n) => put('race', n, { 'if-match': etag })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412, 412]);
  });

  test('has a name and a size that can be', async () => {
    const long = `${'a/:._-'.repeat(33)}AB`;
    expect(long).toHaveLength(200);
    expect((await put(long, null)).status).toBe(201);
    expect((await read(long)).json).toMatchObject({ name: long, value: null });
    const slashes = '/'.repeat(200);
    expect((await put(slashes, 1)).status).toBe(201);
    for (const name of [`${long}x`, 'a b', 'ä', '~'])
      expect(outcome(await put(name, 1))).toEqual({ status: 422, code: 'validation_failed' });
    expect((await put('large', 'x'.repeat(64 * 1024 - 2))).status).toBe(201);
    expect(outcome(await put('large', 'x'.repeat(64 * 1024 - 1)))).toEqual({
      status: 413,
      code: 'body_too_large',
    });
    const bad = { method: 'PUT', path: '/v1/state/x', headers: { 'content-type': 'application/json' } };
    for (const body of ['{}', '{"value":1,"more":1}', '7'])
      expect(outcome(await asked({ ...bad, body }))).toEqual({ status: 422, code: 'validation_failed' });
  });

  test('is listed by the beginning of its name, in pages', async () => {
    for (const name of ['list/b', 'list/a', 'list/c', 'lisp']) await put(name, name);
    const first = (await asked({ path: '/v1/state?prefix=list%2F&limit=2' })).json;
    expect(first).toMatchObject({ data: [{ name: 'list/a', value: 'list/a' }, { name: 'list/b' }] });
    const next = await asked({ path: `/v1/state?prefix=list%2F&limit=2&cursor=${first.nextCursor}` });
    expect(next.json).toMatchObject({ data: [{ name: 'list/c' }] });
    expect(next.json).not.toHaveProperty('nextCursor');
    const wrong = await asked({ path: '/v1/state?cursor=!' });
    expect(outcome(wrong)).toEqual({ status: 400, code: 'cursor_invalid' });
  });

  test('is of one tenant, and for keys with the scope operate', async () => {
    await put('mine', 1);
    const keyOf = async (scopes: string[]) =>
      String((await post('/v1/keys', { name: 'test', scopes })).json.key);
    const reader = { authorization: `Bearer ${await keyOf(['read', 'payloads'])}` };
    expect(outcome(await read('mine', reader))).toEqual({ status: 403, code: 'scope_missing' });
    const connection = new Redis(redis.url);
    expect(await connection.exists('{hf0}/state/dev/mine')).toBe(1);
    connection.disconnect();
  });

  test('changes are in the audit log, without the value', async () => {
    await put('audited', 'a value that is nobody else’s');
    await remove('audited');
    const { json, text } = await asked({ path: '/v1/audit?limit=10' });
    const entries = (json.data as { action: string; detail?: object }[]).filter(
      ({ detail }) => JSON.stringify(detail) === '{"name":"audited"}',
    );
    expect(entries.map(({ action }) => action)).toEqual(['delete_state', 'set_state']);
    expect(text).not.toContain('nobody else');
  });
});

describe('a flow', () => {
  test('reads and changes it', async () => {
    await put('sync/crm', { n: 41 });
    expect((await runThat(await run('sync', { name: 'sync/crm' }), 'completed')).output).toEqual({
      before: 41,
      n: 42,
    });
    expect((await read('sync/crm')).json.value).toEqual({ n: 42 });
    expect((await runThat(await run('sync', { name: 'sync/new' }), 'completed')).output).toEqual({
      before: null,
      n: 1,
    });
  });

  test('is told when somebody else has changed it', async () => {
    for (const change of [() => put('held', 'theirs'), () => remove('held')]) {
      await put('held', 'first');
      const id = await run('hold', { name: 'held' });
      await runThat(id, 'suspended');
      await change();
      await post(`/v1/runs/${id}/signals/go`, { id: newKey() });
      expect((await runThat(id, 'failed')).error).toMatchObject({ code: 'state_conflict', kind: 'rejected' });
    }
    expect((await read('held')).status).toBe(404);
  });

  test('may keep it encrypted: it is shown nowhere, and not in Redis', async () => {
    const connection = new Redis(redis.url);
    await put('tokens/crm', { n: SECRET_N - 1 });
    const ids = [await run('sync', { name: 'tokens/crm', encrypted: true })];
    await runThat(String(ids[0]), 'completed');
    ids.push(await run('sync', { name: 'tokens/crm', encrypted: true }));
    const { output } = await runThat(String(ids[1]), 'completed');
    expect(output).toEqual({ before: SECRET_N, n: SECRET_N + 1 });
    const shown = [
      (await read('tokens/crm')).text,
      (await asked({ path: '/v1/state?prefix=tokens' })).text,
      JSON.stringify(await connection.hgetall('{hf0}/state/dev/tokens/crm')),
    ];
    const { output: _, ...record } = await connection.hgetall(`{hf0}/run/${ids[1]}`);
    shown.push(JSON.stringify(record));
    connection.disconnect();
    expect(shown.filter((text) => /765432[0-9]/.test(text))).toEqual([]);
    expect((await read('tokens/crm')).json).toMatchObject({ name: 'tokens/crm', encrypted: true });
  });
});
