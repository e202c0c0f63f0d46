import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { callersByKey } from '../src/callers.ts';
import { buildApi } from '../src/index.ts';
import { PROBLEMS } from '../src/problems.ts';
import { startTestApi, type TestApi } from './support/test-api.ts';
import { testParts } from './support/test-parts.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());

/** What no HTTP client would send. @returns the head and the parsed body of the answer */
async function sendRaw(text: string): Promise<{ head: string; json: Record<string, unknown> }> {
  const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
  socket.write(text);
  const chunks: Buffer[] = [];
  for await (const chunk of socket) chunks.push(chunk);
  const [head = '', body = ''] = Buffer.concat(chunks).toString().split('\r\n\r\n');
  return { head, json: JSON.parse(body) };
}

describe('what is not there', () => {
  test.each([
    '/',
    '/nope',
    '/v1',
    '/v1/nope',
    '/v1/orders/',
    '/V1/orders',
    '/v1//orders',
    `/v1/runs/${'x'.repeat(700)}`,
  ])('%s is answered with 404', async (path) => {
    const { status, headers, json } = await api.ask({ path, headers: { authorization: undefined } });
    expect(status).toBe(404);
    expect(headers['content-type']).toBe('application/problem+json');
    expect(json).toMatchObject({
      type: '/docs/errors#route_not_found',
      status: 404,
      code: 'route_not_found',
    });
    expect(json.instance).toMatch(/^urn:uuid:[0-9a-f-]{36}$/);
  });

  test('a body of a strange type does not change that', async () => {
    const answer = await api.ask({
      method: 'POST',
      path: '/nope',
      headers: { 'content-type': 'a/b' },
      body: 'x',
    });
    expect(answer.json.code).toBe('route_not_found');
  });
});

describe('a method that does not fit', () => {
  test.each([
    ['GET', '/v1/orders', 'POST'],
    ['PUT', '/v1/orders', 'POST'],
    ['GET', '/v1/flows/order/runs', 'POST'],
    ['DELETE', '/v1/runs/run_1', 'GET, HEAD'],
    ['POST', '/livez', 'GET, HEAD'],
    ['POST', '/openapi.json', 'GET, HEAD'],
    ['PATCH', '/docs', 'GET, HEAD'],
  ])('%s %s is answered with 405', async (method, path, allow) => {
    const { status, headers, json } = await api.ask({ method, path });
    expect({ status, allow: headers.allow, code: json.code }).toEqual({
      status: 405,
      allow,
      code: 'method_not_allowed',
    });
  });

  test('with a body of a strange type is answered with 405 as well', async () => {
    const answer = await api.ask({
      method: 'PUT',
      path: '/v1/orders',
      headers: { 'content-type': 'a/b' },
      body: 'x',
    });
    expect(answer.status).toBe(405);
  });
});

describe('what the framework and the HTTP parser refuse', () => {
  test('a URL that cannot be decoded', async () => {
    const { status, json } = await api.ask({ path: '/v1/runs/%zz' });
    expect({ status, code: json.code }).toEqual({ status: 400, code: 'request_malformed' });
  });

  test('headers that are too large', async () => {
    const { head, json } = await sendRaw(
      `GET / HTTP/1.1\r\nHost: x\r\nX-Long: ${'x'.repeat(20_000)}\r\n\r\n`,
    );
    expect(head).toMatch(/^HTTP\/1\.1 431 /);
    expect(head).toMatch(/^content-type: application\/problem\+json$/im);
    expect(json).toMatchObject({ status: 431, code: 'headers_too_large' });
  });

  test.each([
    'nonsense\r\n\r\n',
    'GET / HTTP/9.9\r\n\r\n',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n',
  ])('what is no HTTP: %j', async (text) => {
    const { head, json } = await sendRaw(text);
    expect(head).toMatch(/^HTTP\/1\.1 400 /);
    expect(json).toMatchObject({ status: 400, code: 'request_malformed' });
  });

  test('a key with a line break never becomes a header of ours', async () => {
    const { json } = await sendRaw(
      'POST /v1/orders HTTP/1.1\r\nHost: x\r\nIdempotency-Key: a\rX-Evil: 1\r\nConnection: close\r\n\r\n',
    );
    expect(json.code).toBe('request_malformed');
  });
});

test('a mistake of ours is answered with 500 and tells nothing of the inside', async () => {
  const lines: string[] = [];
  const log = pino({ level: 'error' }, { write: (line: string) => lines.push(line) });
  const parts = testParts(api.redis.url, [], log);
  const find = async () => {
    throw new Error('secret_of_the_inside');
  };
  const { app } = await buildApi({ ...parts, callers: callersByKey({ find }) });
  const answer = await app.inject({ url: '/v1/runs/run_1', headers: { authorization: 'Bearer hf_x' } });
  await app.close();
  await parts.close();
  expect(answer.statusCode).toBe(500);
  expect(answer.json()).toMatchObject({ code: 'internal_error' });
  expect(answer.body).not.toContain('secret_of_the_inside');
  expect(lines.join()).toContain('secret_of_the_inside');
});

describe('every code', () => {
  test('is in docs/errors.md with its status', async () => {
    const text = await readFile(new URL('../../../docs/errors.md', import.meta.url), 'utf8');
    const documented = [...text.matchAll(/^\| `(\w+)` +\| (\d+) +\|/gm)].map(
      ([, code, status]) => `${code} ${status}`,
    );
    const known = Object.entries(PROBLEMS).map(([code, { status }]) => `${code} ${status}`);
    expect(documented.sort()).toEqual(known.sort());
  });

  test('is explained where the problem type points to', async () => {
    const { status, headers, text } = await api.ask({ path: '/docs/errors' });
    expect(status).toBe(200);
    expect(headers['content-type']).toMatch(/^text\/html/);
    for (const code of Object.keys(PROBLEMS)) expect(text).toContain(`id="${code}"`);
  });
});
