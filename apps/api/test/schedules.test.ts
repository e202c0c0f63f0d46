import { createLogger } from '@holdfast/app-kit';
import { defineFlow, type Flow } from '@holdfast/engine';
import type { ConfigSchedule } from '@holdfast/project';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { type RunningWorker, readWorkerConfig, startWorkerApp } from '@holdfast/worker';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { type RunningApi, readApiConfig, startApi } from '../src/index.ts';
import { conformanceTo, type OpenApi, type SeenAnswer } from './support/conformance.ts';
import { newKey } from './support/order.ts';
import { type Answer, type Ask, KEY, send } from './support/test-api.ts';

const report = defineFlow({
  name: 'report',
  version: 1,
  input: z.strictObject({ days: z.number() }),
  output: z.number(),
  run: async (_ctx, { days }) => days,
});
const flows = [report] as readonly Flow[];

let redis: TestRedis;
let api: RunningApi;
let workers: RunningWorker[] = [];
let env: Record<string, string>;
let faultsOf: (answer: SeenAnswer) => string[];
const log = createLogger('api', 'silent');

async function startWith(schedules: readonly ConfigSchedule[]): Promise<RunningWorker> {
  const worker = await startWorkerApp(readWorkerConfig([], env), flows, log, { schedules });
  await worker.takesRuns;
  return worker;
}

beforeAll(async () => {
  redis = await startRedis();
  env = {
    HOLDFAST_API_PORT: '0',
    HOLDFAST_DRAIN_DELAY: '0s',
    HOLDFAST_REDIS_URL: redis.url,
    HOLDFAST_DEV_KEY: KEY,
    HOLDFAST_RETRY_SCALE: '0.01',
  };
  api = await startApi(readApiConfig(env), { flows }, log);
  await waitFor(async () => (await send(api.url, { path: '/readyz' })).status === 200, { what: 'Redis' });
  const { json } = await send(api.url, { path: '/openapi.json' });
  faultsOf = conformanceTo(json as unknown as OpenApi);
});
afterAll(async () => {
  for (const worker of workers) await worker.close();
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
const sent = (method: string, path: string, body?: unknown) =>
  asked({
    ...{ method, path: `/v1/schedules${path}` },
    headers: {
      ...(method === 'POST' && { 'idempotency-key': newKey() }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
const outcome = ({ status, json }: Answer) => ({ status, code: json.code });

const NIGHTLY = { name: 'nightly', cron: '0 3 * * *', flow: 'report', input: { days: 1 } };
const FIRE_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:00Z$/;

test('a schedule is created, read, listed, changed, paused, resumed, triggered and deleted', async () => {
  const created = await sent('POST', '', { ...NIGHTLY, timezone: 'Europe/Paris', catchUp: '1h' });
  expect(created).toMatchObject({
    status: 201,
    json: {
      ...{ ...NIGHTLY, timezone: 'Europe/Paris', overlap: 'queue', catchUp: '1h', status: 'active' },
      nextRunAt: expect.stringMatching(FIRE_TIME),
    },
  });
  expect(created.headers.location).toBe('/v1/schedules/nightly');
  const { upcoming } = (await sent('GET', '/nightly')).json as { upcoming: string[] };
  expect(upcoming).toHaveLength(5);
  expect(upcoming[0]).toBe(created.json.nextRunAt);
  expect((await sent('GET', '')).json).toMatchObject({ data: [{ name: 'nightly' }] });

  const changed = await sent('PATCH', '/nightly', { cron: '0 4 * * *', overlap: 'skip' });
  expect(changed).toMatchObject({ status: 200, json: { cron: '0 4 * * *', overlap: 'skip', catchUp: '1h' } });
  expect(changed.json.nextRunAt).not.toBe(created.json.nextRunAt);

  const paused = await sent('POST', '/nightly/pause');
  expect(paused).toMatchObject({ status: 200, json: { status: 'paused' } });
  expect(paused.json).not.toHaveProperty('nextRunAt');
  expect((await sent('POST', '/nightly/resume')).json.nextRunAt).toBe(changed.json.nextRunAt);

  const triggered = await sent('POST', '/nightly/trigger');
  expect(triggered).toMatchObject({ status: 202, json: { flow: 'report' } });
  expect(triggered.json.idempotencyKey).toMatch(/^schedule:nightly:trigger:\d{4}-.*Z$/);
  expect((await sent('DELETE', '/nightly')).status).toBe(204);
  for (const [method, path] of [
    ['GET', '/nightly'],
    ['DELETE', '/nightly'],
    ['POST', '/nightly/pause'],
    ['POST', '/nightly/trigger'],
    ['GET', '/No%20Name'],
  ] as const)
    expect(outcome(await sent(method, path))).toEqual({ status: 404, code: 'schedule_not_found' });
  const { json } = await asked({ path: '/v1/audit?limit=20' });
  const actions = (json.data as { action: string }[]).map(({ action }) => action);
  expect(actions.filter((action) => action.endsWith('_schedule')).reverse()).toEqual(
    ['create', 'change', 'pause', 'resume', 'trigger', 'delete'].map((what) => `${what}_schedule`),
  );
});

test('what does not fit is refused, with its place', async () => {
  await sent('POST', '', { ...NIGHTLY, name: 'there' });
  const again = await sent('POST', '', { ...NIGHTLY, name: 'there' });
  expect(outcome(again)).toEqual({ status: 409, code: 'schedule_exists' });
  for (const [more, path] of [
    [{ name: 'Upper' }, 'name'],
    [{ cron: '0 3 * *' }, 'cron'],
    [{ cron: '0 0 30 2 *' }, 'cron'],
    [{ timezone: 'Mars/Olympus' }, 'timezone'],
    [{ flow: 'nobody' }, 'flow'],
    [{ input: { days: 'many' } }, 'input.days'],
    [{ overlap: 'maybe' }, 'overlap'],
    [{ catchUp: 'soon' }, 'catchUp'],
    [{ catchUp: '30d' }, 'catchUp'],
    [{ more: 1 }, 'more'],
  ] as const) {
    const refused = await sent('POST', '', { ...NIGHTLY, name: 'wrong', ...more });
    expect(outcome(refused)).toEqual({ status: 422, code: 'validation_failed' });
    expect(refused.json.errors).toEqual([expect.objectContaining({ path })]);
  }
  expect(outcome(await sent('PATCH', '/there', { cron: 'x' }))).toMatchObject({ status: 422 });
  await sent('DELETE', '/there');
});

test('schedules of the config are there as long as the config has them', async () => {
  const hourly = { name: 'hourly', cron: '0 * * * *', flow: 'report', input: { days: 2 } };
  const first = await startWith([hourly, { ...NIGHTLY, tenant: 'dev' }]);
  workers = [first];
  await waitFor(async () => (await sent('GET', '/nightly')).status === 200, { what: 'the config' });
  const { json } = await sent('GET', '/hourly');
  expect(json).toMatchObject({ fromConfig: true, status: 'active', timezone: 'UTC' });
  for (const [method, body] of [
    ['DELETE', undefined],
    ['PATCH', { cron: '1 * * * *' }],
  ] as const)
    expect(outcome(await sent(method, '/hourly', body))).toEqual({
      status: 409,
      code: 'schedule_from_config',
    });
  expect((await sent('POST', '/hourly/pause')).status).toBe(200);
  expect((await sent('POST', '/hourly/trigger')).status).toBe(202);

  // another config: one is changed and stays paused, one is gone
  workers = [first, await startWith([{ ...hourly, cron: '30 * * * *' }])];
  await waitFor(async () => (await sent('GET', '/nightly')).status === 404, { what: 'the new config' });
  expect((await sent('GET', '/hourly')).json).toMatchObject({ cron: '30 * * * *', status: 'paused' });
  expect((await sent('POST', '/hourly/resume')).json.nextRunAt).toMatch(/:30:00Z$/);
});
