import { readApiConfig, startApi } from '@holdfast/api';
import { createLogger } from '@holdfast/app-kit';
import { ALL_CONTRACTS } from '@holdfast/flows';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { holdfast } from './support/run-cli.ts';

const KEY = 'hf_test_0123456789abcdef';
let redis: TestRedis;
let url: string;
let stop: () => Promise<void>;
beforeAll(async () => {
  redis = await startRedis();
  const env = {
    HOLDFAST_API_PORT: '0',
    HOLDFAST_DRAIN_DELAY: '0s',
    HOLDFAST_REDIS_URL: redis.url,
    HOLDFAST_DEV_KEY: KEY,
  };
  const api = await startApi(readApiConfig(env), { flows: ALL_CONTRACTS }, createLogger('api', 'silent'));
  url = api.url;
  await waitFor(async () => (await fetch(`${url}/readyz`)).ok, { what: 'the API to be ready' });
  stop = async () => {
    await api.close();
    await redis.stop();
  };
});
afterAll(() => stop());

const state = (...args: string[]) =>
  holdfast(['state', ...args], { HOLDFAST_API_URL: url, HOLDFAST_API_KEY: KEY });

test('values are set, read, listed and deleted', async () => {
  expect(await state('list')).toMatchObject({ code: 0, out: 'No values.\n' });
  expect(await state('set', 'sync/crm', '{"cursor":"p1"}')).toMatchObject({
    code: 0,
    out: 'sync/crm is set.\n',
  });
  await state('set', 'other', '7');
  expect(JSON.parse((await state('get', 'sync/crm')).out)).toEqual({ cursor: 'p1' });
  expect((await state('list', '--prefix', 'sync/')).out).toMatch(/sync\/crm .* {"cursor":"p1"}/);
  expect(JSON.parse((await state('list', '--json')).out).data).toHaveLength(2);
  expect(await state('delete', 'other')).toMatchObject({ code: 0, out: 'other is deleted.\n' });
  expect(await state('get', 'other')).toMatchObject({
    code: 1,
    err: expect.stringContaining('(state_not_found)\nholdfast state list'),
  });
});

test('a value that somebody else has changed is left', async () => {
  await state('set', 'contended', '1');
  const { etag } = JSON.parse((await state('get', 'contended', '--json')).out);
  await state('set', 'contended', '2');
  const late = await state('set', 'contended', '3', '--if-match', etag);
  expect(late).toMatchObject({ code: 1, err: expect.stringContaining('precondition_failed') });
  expect(await state('set', 'contended', '3', '--create')).toMatchObject({ code: 1 });
  expect(await state('delete', 'contended', '--if-match', etag)).toMatchObject({ code: 1 });
  expect((await state('get', 'contended')).out).toBe('2\n');
});

test('what is no JSON is not understood', async () => {
  expect(await state('set', 'text', 'plain')).toMatchObject({
    code: 2,
    err: expect.stringContaining('not JSON'),
  });
});
