import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import express from 'express';
import {
  createRequestHandler,
  defineConfig,
  defineFlow,
  type RequestHandler,
  type RequestHandlerOptions,
  startWorker,
} from 'holdfast';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';

const hello = defineFlow({
  name: 'hello',
  version: 1,
  input: z.strictObject({ name: z.string() }),
  output: z.strictObject({ greeting: z.string() }),
  async run(_ctx, { name }) {
    return { greeting: `Hello, ${name}!` };
  },
});
const config = defineConfig({ flows: [hello] });
const ada: RequestHandlerOptions = {
  authenticate: ({ headers }) =>
    headers['x-user'] === 'ada' ? { tenant: 'ada', scopes: ['submit', 'read'] } : undefined,
};

let redis: TestRedis;
const open: { readonly handler: RequestHandler; readonly server: Server }[] = [];
beforeAll(async () => {
  redis = await startRedis();
  process.env.HOLDFAST_LOG_LEVEL = 'silent';
});
afterEach(async () => {
  for (const { handler, server } of open.splice(0)) {
    await handler.close();
    server.closeAllConnections();
    server.close();
  }
});
afterAll(async () => {
  delete process.env.HOLDFAST_LOG_LEVEL;
  await redis.stop();
});

async function serve(
  options: RequestHandlerOptions,
  mount: (handler: RequestHandler) => RequestListener = (handler) => handler,
  below = '',
): Promise<string> {
  const handler = createRequestHandler(config, { redisUrl: redis.url, ...options });
  const server = createServer(mount(handler));
  open.push({ handler, server });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await waitFor(async () => (await fetch(`${url}${below}/readyz`)).status === 200, { what: 'Redis' });
  return url;
}

function submit(url: string, name = 'Ada', headers: Record<string, string> = { 'x-user': 'ada' }) {
  return fetch(`${url}/v1/flows/hello/runs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': `hello-${name}`, ...headers },
    body: JSON.stringify({ name }),
  });
}

test('in a server of node:http, with a worker beside it, a run completes', async () => {
  const url = await serve(ada);
  const worker = await startWorker(config, { redisUrl: redis.url, concurrency: 3 });
  const answer = await submit(url, 'Ada', { 'x-user': 'ada', prefer: 'wait=15' });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toMatchObject({ status: 'completed', output: { greeting: 'Hello, Ada!' } });
  await worker.stop();
});

test('whom authenticate does not know is refused, and scopes hold', async () => {
  const url = await serve(ada);
  const unknown = await submit(url, 'Bob', { 'x-user': 'bob' });
  expect(unknown.status).toBe(401);
  expect(await unknown.json()).toMatchObject({ code: 'not_authenticated' });
  const keys = await fetch(`${url}/v1/keys`, { headers: { 'x-user': 'ada' } });
  expect(keys.status).toBe(403);
});

test('a caller that does not fit is an error of ours, not somebody else', async () => {
  const url = await serve({ authenticate: () => ({ tenant: 'Ada Lovelace', scopes: ['submit'] }) });
  expect((await submit(url)).status).toBe(500);
});

test('below a path of Express it answers there, Location included', async () => {
  const app = express();
  const url = await serve(ada, (handler) => app.use('/hf', handler), '/hf');
  const answer = await submit(`${url}/hf`, 'Cy');
  expect(answer.status).toBe(202);
  const location = answer.headers.get('location') ?? '';
  expect(location).toMatch(/^\/hf\/v1\/runs\/run_/);
  expect((await fetch(new URL(location, url), { headers: { 'x-user': 'ada' } })).status).toBe(200);
});

test('other paths go to the server around it, with their body', async () => {
  const app = express();
  const url = await serve(ada, (handler) => {
    app.use(handler);
    app.use(express.json());
    app.post('/echo', (request, response) => {
      response.json(request.body);
    });
    return app;
  });
  const answer = await fetch(`${url}/echo`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"said":"hello"}',
  });
  expect(answer.status).toBe(200);
  expect(await answer.json()).toEqual({ said: 'hello' });
  expect((await submit(url, 'Dee')).status).toBe(202);
});

test('where nobody else answers, an unknown path is a 404', async () => {
  const url = await serve(ada);
  const answer = await fetch(`${url}/nothing`, { method: 'POST', body: 'x' });
  expect(answer.status).toBe(404);
  expect(await answer.json()).toMatchObject({ code: 'route_not_found' });
});

test('a body that was parsed before it is an error at once', async () => {
  const app = express();
  app.use(express.json());
  const url = await serve(ada, (handler) => app.use(handler));
  const answer = await submit(url, 'Eve');
  expect(answer.status).toBe(500);
  expect(await answer.json()).toMatchObject({ code: 'body_already_parsed' });
  const run = await fetch(`${url}/v1/runs`, { headers: { 'x-user': 'ada' } });
  expect(run.status).toBe(200);
});

test('the dashboard is served where it is asked for, and what neither knows goes on', async () => {
  process.env.HOLDFAST_DASHBOARD_PASSWORD = 'correct horse battery';
  const app = express();
  const url = await serve({ ...ada, dashboard: true }, (handler) => {
    app.use(handler);
    app.get('/shop', (_request, response) => {
      response.send('the shop');
    });
    return app;
  });
  delete process.env.HOLDFAST_DASHBOARD_PASSWORD;
  expect((await fetch(`${url}/`)).status).toBe(401);
  const authorization = `Basic ${btoa('admin:correct horse battery')}`;
  const overview = await fetch(`${url}/`, { headers: { authorization } });
  expect(overview.status).toBe(200);
  expect(await overview.text()).toContain('hello');
  expect((await submit(url, 'Fay')).status).toBe(202);
  expect(await (await fetch(`${url}/shop`)).text()).toBe('the shop');
});

test('below a path, the pages of the dashboard link to each other there', async () => {
  process.env.HOLDFAST_DASHBOARD_PASSWORD = 'correct horse battery';
  const url = await serve({ ...ada, dashboard: true }, (handler) => express().use('/hf', handler), '/hf');
  delete process.env.HOLDFAST_DASHBOARD_PASSWORD;
  const authorization = `Basic ${btoa('admin:correct horse battery')}`;
  const page = await (await fetch(`${url}/hf/`, { headers: { authorization } })).text();
  const links = [...page.matchAll(/(?:href|src)="(\/[^"]*)"/g)].map(([, link]) => String(link));
  expect(links.length).toBeGreaterThan(3);
  for (const link of links) {
    expect(link).toMatch(/^\/hf\//);
    const isLogOut = link.includes('/logout');
    expect((await fetch(`${url}${link}`, { headers: { authorization } })).status).toBe(isLogOut ? 401 : 200);
  }
});

test('a variable that does not fit is an error before anything starts', () => {
  expect(() => createRequestHandler(config, { redisUrl: 'nowhere' })).toThrow(/HOLDFAST_REDIS_URL/);
});

test('once closed it holds nothing, and answers 503', async () => {
  const handler = createRequestHandler(config, { redisUrl: redis.url, ...ada });
  const server = createServer(handler);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  expect((await fetch(`${url}/readyz`)).status).toBeLessThan(504);
  await handler.close();
  await handler.close();
  expect((await submit(url, 'Gil')).status).toBe(503);
  server.closeAllConnections();
  server.close();
});
