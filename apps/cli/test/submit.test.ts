import { type RunningApi, readApiConfig, startApi } from '@holdfast/api';
import { connectRedis, createLogger } from '@holdfast/app-kit';
import { defineFlow, startWorker } from '@holdfast/engine';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { holdfast } from './support/run-cli.ts';

const KEY = 'hf_test_0123456789abcdef';

const greet = defineFlow({
  name: 'greet',
  version: 1,
  input: z.strictObject({ name: z.string(), waits: z.boolean().optional() }),
  output: z.strictObject({ greeting: z.string() }),
  async run(ctx, { name, waits }) {
    await ctx.step('look-up', { whenInDoubt: 'repeat', run: async () => {} });
    const title = waits ? await ctx.waitFor<string>('title') : 'Dr';
    return { greeting: `Hello, ${title} ${name}` };
  },
});

let redis: TestRedis;
let api: RunningApi;
let env: Record<string, string>;
let stopWorker: () => Promise<void>;
beforeAll(async () => {
  redis = await startRedis();
  const log = createLogger('test', 'silent');
  const config = readApiConfig({
    HOLDFAST_API_PORT: '0',
    HOLDFAST_DRAIN_DELAY: '0s',
    HOLDFAST_REDIS_URL: redis.url,
    HOLDFAST_DEV_KEY: KEY,
  });
  api = await startApi(config, { flows: [greet] }, log);
  await api.admitted;
  const connection = connectRedis({ urls: [redis.url] }, { for: 'worker' }, log);
  const worker = startWorker({ connection, redisUrls: [redis.url], flows: [greet], log });
  stopWorker = async () => {
    await worker.close('1s');
    connection.disconnect();
  };
  env = { HOLDFAST_API_URL: api.url, HOLDFAST_API_KEY: KEY };
});
afterAll(async () => {
  await stopWorker();
  await api.close();
  await redis.stop();
});

test('submit has a run accepted; the same key again is the same run', async () => {
  const args = ['submit', 'greet', '--input', '{"name":"Ada"}', '--key', 'k-1', '--json'];
  const [first, again] = [await holdfast(args, env), await holdfast(args, env)];
  expect([first.code, again.code]).toEqual([0, 0]);
  expect(JSON.parse(first.out)).toMatchObject({ flow: 'greet', idempotencyKey: 'k-1' });
  expect(JSON.parse(again.out).id).toBe(JSON.parse(first.out).id);
  const other = await holdfast(['submit', 'greet', '--input', '{"name":"Ada"}', '--json'], env);
  expect(JSON.parse(other.out).id).not.toBe(JSON.parse(first.out).id);
});

test('submit --watch follows it to its end', async () => {
  const { code, out } = await holdfast(['submit', 'greet', '--input', '{"name":"Ada"}', '--watch'], env);
  expect(code).toBe(0);
  expect(out).toMatch(/^\d\d:\d\d:\d\d\.\d{3} {2}completed {2}look-up completed$/m);
});

test('what does not fit is refused: input by the API with the path, no JSON by us', async () => {
  const wrong = await holdfast(['submit', 'greet', '--input', '{"name":1}'], env);
  expect(wrong.code).toBe(1);
  expect(wrong.err).toMatch(/name: .*\n?/);
  expect((await holdfast(['submit', 'greet', '--input', 'Ada'], env)).code).toBe(2);
  expect((await holdfast(['submit', 'greet'], env)).code).toBe(2);
  expect((await holdfast(['submit', 'nothing', '--input', '{}'], env)).err).toContain('flow_unknown');
});

test('signal reaches the run that waits, and watch ends with it', async () => {
  const submitted = await holdfast(
    ['submit', 'greet', '--input', '{"name":"Lovelace","waits":true}', '--json'],
    env,
  );
  const { id } = JSON.parse(submitted.out);
  const watching = holdfast(['watch', id, '--json'], env);
  await waitFor(async () => (await holdfast(['runs', 'show', id], env)).out.includes('suspended'), {
    what: 'it to wait',
  });
  const sent = await holdfast(['signal', id, 'title', '--payload', '"Countess"'], env);
  expect(sent.code).toBe(0);
  const { code, out } = await watching;
  expect(code).toBe(0);
  const last = JSON.parse(out.trim().split('\n').at(-1) ?? '');
  expect(last).toMatchObject({ status: 'completed', output: { greeting: 'Hello, Countess Lovelace' } });
});

test('watch of a run that was cancelled exits with 1', async () => {
  const submitted = await holdfast(
    ['submit', 'greet', '--input', '{"name":"Ada","waits":true}', '--json'],
    env,
  );
  const { id } = JSON.parse(submitted.out);
  await holdfast(['runs', 'cancel', id], env);
  const { code, out } = await holdfast(['watch', id], env);
  expect(code).toBe(1);
  expect(out).toContain('cancelled');
});
