import { randomBytes } from 'node:crypto';
import { createWebhookEndpoints, type WebhookEndpoint } from '@holdfast/operations';
import { createSealer } from '@holdfast/redis';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { basic, startTestDashboard, type TestDashboard, VIEWER } from './support/test-dashboard.ts';

const quietLog = { debug() {}, info() {}, warn() {}, error() {} };
const ADA = { name: 'ada', via: 'api' } as const;

let dashboard: TestDashboard;
let connection: Redis;
let endpoint: WebhookEndpoint;
beforeAll(async () => {
  dashboard = await startTestDashboard();
  connection = new Redis(dashboard.redis.url);
  const sealer = createSealer(`k1:${randomBytes(32).toString('base64')}`);
  const endpoints = createWebhookEndpoints({ connection, sealer, log: quietLog });
  const made = await endpoints.create(ADA, 'shop', {
    url: 'https://hooks.example.com/t0ken',
    events: ['run.completed', 'payment.*'],
    description: 'the <b>warehouse</b>',
  });
  if (made.outcome === 'key_reused') throw new Error('key reused');
  endpoint = made.value;
  await connection.sadd('{hf0}/tenants', 'shop');
});
afterAll(async () => {
  connection.disconnect();
  await dashboard.stop();
});

const page = () => dashboard.ask({ path: `/webhooks/${endpoint.id}?tenant=shop` });
const press = (what: string, more: Record<string, string> = {}) =>
  dashboard.ask({
    ...{ method: 'POST', path: `/webhooks/${endpoint.id}/${what}`, form: { tenant: 'shop', ...more } },
  });

test('endpoints are listed; who only looks sees no path, which may be a credential', async () => {
  const { status, text } = await dashboard.ask({ path: '/webhooks' });
  expect(status).toBe(200);
  expect(text).toContain('https://hooks.example.com/t0ken');
  expect(text).toContain('run.completed, payment.*');
  expect(text).toContain('the &#60;b&#62;warehouse');
  const viewer = { authorization: basic(VIEWER.user, VIEWER.password) };
  const seen = await dashboard.ask({ path: '/webhooks', headers: viewer });
  expect(seen.text).toContain('https://hooks.example.com');
  expect(seen.text).not.toContain('t0ken');
});

test('an endpoint is paused and resumed, gets a test, and a delivery is sent again', async () => {
  expect((await page()).text).toContain('Nothing was sent yet.');
  expect(await press('pause')).toMatchObject({ status: 303 });
  expect((await page()).text).toContain('Its events are kept');
  await press('resume');
  expect((await page()).text).toContain('Events are sent as they happen');
  await press('test');
  const { text } = await page();
  expect(text).toContain('webhook.test');
  const [delivery = ''] = /msg_[0-9a-f]{32}/.exec(text) ?? [];
  expect(await press('retry', { delivery })).toMatchObject({ status: 303 });
  const log = await connection.xrange('{hf0}/audit/shop', '-', '+');
  expect(JSON.stringify(log)).toContain('retry_webhook_delivery');
});

test('what is not there is a 404, and who only looks changes nothing', async () => {
  expect((await dashboard.ask({ path: `/webhooks/${endpoint.id}?tenant=other` })).status).toBe(404);
  expect((await dashboard.ask({ path: '/webhooks/whe_1?tenant=shop' })).status).toBe(404);
  expect((await press('retry', { delivery: `msg_${'0'.repeat(32)}` })).status).toBe(404);
  const viewer = { authorization: basic(VIEWER.user, VIEWER.password) };
  const refused = await dashboard.ask({
    ...{ method: 'POST', path: `/webhooks/${endpoint.id}/pause`, form: { tenant: 'shop' }, headers: viewer },
  });
  expect(refused.status).toBe(403);
});
