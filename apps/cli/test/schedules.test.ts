import { readApiConfig, startApi } from '@holdfast/api';
import { createLogger } from '@holdfast/app-kit';
import { defineFlow, type Flow } from '@holdfast/engine';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { holdfast } from './support/run-cli.ts';

const KEY = 'hf_test_0123456789abcdef';
const report = defineFlow({
  name: 'report',
  version: 1,
  input: z.strictObject({ days: z.number() }),
  output: z.number(),
  run: async (_ctx, { days }) => days,
});

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
  const flows = [report] as readonly Flow[];
  const api = await startApi(readApiConfig(env), { flows }, createLogger('api', 'silent'));
  url = api.url;
  await waitFor(async () => (await fetch(`${url}/readyz`)).ok, { what: 'the API to be ready' });
  stop = async () => {
    await api.close();
    await redis.stop();
  };
});
afterAll(() => stop());

const schedules = (...args: string[]) =>
  holdfast(['schedules', ...args], { HOLDFAST_API_URL: url, HOLDFAST_API_KEY: KEY });

test('schedules are created, listed, shown, paused, resumed, triggered and deleted', async () => {
  expect(await schedules('list')).toMatchObject({ code: 0, out: 'No schedules.\n' });
  const about = ['--flow', 'report', '--input', '{"days":1}', '--timezone', 'Europe/Paris'];
  const created = await schedules('create', 'nightly', '--cron', '0 3 * * *', ...about);
  expect(created).toMatchObject({ code: 0, out: expect.stringMatching(/^nightly is created.*00Z\.\n$/) });
  expect((await schedules('list')).out).toMatch(/nightly +report +0 3 \* \* \* +Europe\/Paris/);
  expect((await schedules('show', 'nightly')).out.match(/^ {2}\d{4}-.*:00:00Z$/gm)).toHaveLength(5);
  expect((await schedules('pause', 'nightly')).out).toBe('nightly is paused.\n');
  expect((await schedules('resume', 'nightly')).out).toMatch(/^nightly fires again, next at .*Z\.\n$/);
  expect((await schedules('trigger', 'nightly')).out).toMatch(/^run_[0-9a-f]{32}\n$/);
  expect((await schedules('delete', 'nightly')).out).toBe('nightly is deleted.\n');
  expect(await schedules('show', 'nightly')).toMatchObject({
    code: 1,
    err: expect.stringContaining('(schedule_not_found)\nholdfast schedules list'),
  });
});

test('what does not fit is said', async () => {
  const wrong = await schedules(
    'create',
    'x',
    '--cron',
    '0 3 * *',
    '--flow',
    'report',
    '--input',
    '{"days":1}',
  );
  expect(wrong).toMatchObject({ code: 1, err: expect.stringContaining('cron: use five fields') });
  const noJson = await schedules('create', 'x', '--cron', '0 3 * * *', '--flow', 'report', '--input', 'x');
  expect(noJson).toMatchObject({ code: 2, err: expect.stringContaining('not JSON') });
});
