import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  basic,
  PASSWORD,
  startTestDashboard,
  type TestDashboard,
  USER,
  VIEWER,
} from './support/test-dashboard.ts';

interface Route {
  readonly method: string;
  readonly url: string;
}

/** Every route that the dashboard serves, whoever has added it. */
const routes: Route[] = [];
let dashboard: TestDashboard;
beforeAll(async () => {
  const watch = (message: unknown) => {
    (message as { fastify: FastifyInstance }).fastify.addHook('onRoute', (route) => {
      for (const method of [route.method].flat()) routes.push({ method, url: route.url });
    });
  };
  subscribe('fastify.initialization', watch);
  dashboard = await startTestDashboard();
  unsubscribe('fastify.initialization', watch);
});
afterAll(() => dashboard.stop());

const OPEN = new Set(['/livez', '/readyz', '/assets/:file']);
const isRead = ({ method }: Route) => method === 'GET' || method === 'HEAD';
/** What is for those who may operate. */
const ADMINS = ['/logins', '/queues/api/redis/stats'];
/** Those, and what would end the login. */
const APART = new Set(['/logout', ...ADMINS]);

function ask({ method, url }: Route, authorization: string | undefined, from?: string) {
  const path = url
    .replace(':file', 'icon.svg')
    .replace(':queueName', 'order')
    .replace(':queueStatus', 'failed')
    .replace(/:\w+/g, 'run_00000000000000000000000000000000')
    .replace('*', 'x');
  return dashboard.ask({ method, path, from, headers: { authorization } });
}

test('the routes are really found', () => {
  const found = routes.map(({ method, url }) => `${method} ${url}`);
  for (const known of ['GET /', 'GET /tenants', 'POST /pauses', 'POST /runs/:id/redrive', 'GET /logins'])
    expect(found).toContain(known);
  expect(found.some((each) => each.includes('/queues/api/queues'))).toBe(true);
});

test('each is closed to whoever has no login, but for health and what a refusal is made with', async () => {
  let address = 0;
  for (const route of routes) {
    const about = `${route.method} ${route.url}`;
    address += 1;
    const { status } = await ask(route, undefined, `127.0.2.${(address % 250) + 1}`);
    expect({ about, closed: status === 401 }).toEqual({ about, closed: !OPEN.has(route.url) });
  }
});

test('a viewer reads what an admin reads but the log of logins, and changes nothing; no route errs', async () => {
  const admin = basic(USER, PASSWORD);
  const viewer = basic(VIEWER.user, VIEWER.password);
  for (const route of routes) {
    if (OPEN.has(route.url) || APART.has(route.url) || route.url.endsWith('/events')) continue;
    const about = `${route.method} ${route.url}`;
    const seen = await ask(route, viewer);
    expect({ about, refused: seen.status === 403, errs: seen.status >= 500 }).toEqual({
      ...{ about, refused: !isRead(route), errs: false },
    });
    if (!isRead(route)) continue;
    const read = await ask(route, admin);
    expect({ about, status: read.status }).toEqual({ about, status: seen.status });
  }
  for (const url of ADMINS) {
    expect((await ask({ method: 'GET', url }, viewer)).status).toBe(403);
    expect((await ask({ method: 'GET', url }, admin)).status).toBe(200);
  }
});
