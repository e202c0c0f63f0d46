import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  basic,
  PASSWORD,
  startTestDashboard,
  type TestDashboard,
  USER,
  VIEWER,
} from './support/test-dashboard.ts';

let dashboard: TestDashboard;
beforeAll(async () => {
  dashboard = await startTestDashboard();
});
afterAll(() => dashboard.stop());

const PATHS = [
  ...['/', '/events', '/runs', '/runs/run_1', '/runs/run_1/timeline.svg', '/runs/run_1/events'],
  ...['/queues', '/queues/', '/queues/queue/order', '/queues/api/queues', '/metrics', '/nope'],
];

/** Each wrong login is from another client: enough of them from one are locked out. */
let address = 0;

describe.each(PATHS)('%s', (path) => {
  test.each([
    undefined,
    'Basic',
    'Bearer hf_x',
    basic('', ''),
    basic('admin', 'admin'),
    basic(USER, ''),
    basic(USER, `${PASSWORD}x`),
    basic(`${USER}x`, PASSWORD),
    basic(`${USER}:${PASSWORD}`, ''),
  ])('is not shown without the right login (%s)', async (authorization) => {
    address += 1;
    const from = `127.0.1.${address}`;
    const { status, headers, text } = await dashboard.ask({ path, from, headers: { authorization } });
    expect(status).toBe(401);
    expect(headers['www-authenticate']).toMatch(/^Basic realm="Holdfast"/);
    expect(headers['content-type']).toBe('application/problem+json');
    expect(JSON.parse(text)).toMatchObject({ code: 'login_required', status: 401 });
  });
});

test('static files and writes need the login too', async () => {
  const { text } = await dashboard.ask({ path: '/queues/' });
  const script = /src="(static\/js\/main[^"]+)"/.exec(text)?.[1];
  const path = `/queues/${script}`;
  expect((await dashboard.ask({ path })).status).toBe(200);
  expect((await dashboard.ask({ path, headers: { authorization: undefined } })).status).toBe(401);
  const retry = '/queues/api/queues/dead-letters/retry/failed';
  const refused = await dashboard.ask({ method: 'PUT', path: retry, headers: { authorization: undefined } });
  expect(refused.status).toBe(401);
});

test('health answers without a login', async () => {
  for (const path of ['/livez', '/readyz']) {
    const { status } = await dashboard.ask({ path, headers: { authorization: undefined } });
    expect({ path, status }).toEqual({ path, status: 200 });
  }
});

test('the board carries our name and cannot be framed or cached', async () => {
  const { status, headers, text } = await dashboard.ask({
    path: '/queues/',
    headers: { accept: 'text/html' },
  });
  expect(status).toBe(200);
  expect(text).toContain('<title>Holdfast</title>');
  expect(headers).toMatchObject({
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'referrer-policy': 'same-origin',
    'cache-control': 'no-store',
  });
  const policy = headers['content-security-policy'];
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).toMatch(/script-src 'self'(;|$)/);
  const api = await dashboard.ask({ path: '/queues/api/queues' });
  expect(api.headers['cache-control']).toBe('no-store');
});

test('a browser is answered with pages, also when there is none', async () => {
  const { status, headers, text } = await dashboard.ask({ path: '/nope', headers: { accept: 'text/html' } });
  expect(status).toBe(404);
  expect(headers['content-type']).toMatch(/^text\/html/);
  expect(text).toContain('There is no such page');
});

test('how Redis is doing is shown to those who may operate', async () => {
  const path = '/queues/api/redis/stats';
  expect((await dashboard.ask({ path })).status).toBe(200);
  const headers = { authorization: basic(VIEWER.user, VIEWER.password) };
  const { status, text } = await dashboard.ask({ path, headers });
  expect({ status, code: JSON.parse(text).code }).toEqual({ status: 403, code: 'read_only' });
  expect((await dashboard.ask({ path: '/queues/api/queues', headers })).status).toBe(200);
});

test.each(['/queues/queue/%', '/queues/api/queues/%ff/1', '/runs/%'])('%s is no URL', async (path) => {
  const { status, headers, text } = await dashboard.ask({ path });
  expect(status).toBe(400);
  expect(headers['content-type']).toBe('application/problem+json');
  expect(JSON.parse(text)).toMatchObject({ code: 'bad_request' });
});
