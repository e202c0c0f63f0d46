import { hasNginx, type ReverseProxy, startNginx, startSmallProxy } from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readApiConfig } from '../src/index.ts';
import { newKey, ORDER } from './support/order.ts';
import { send, startTestApi, type TestApi } from './support/test-api.ts';

const PATH = '/ops';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi(undefined, {
    HOLDFAST_BASE_PATH: PATH,
    HOLDFAST_TRUSTED_PROXIES: '127.0.0.1,10.0.0.0/8',
  });
});
afterAll(() => api.stop());

describe.each(
  [
    { name: 'a small proxy', isHere: true, start: startSmallProxy },
    // nginx is not part of the set-up: its cases run where it is installed, those of the small proxy everywhere
    { name: 'nginx', isHere: hasNginx, start: startNginx },
  ].flatMap((kind) => [true, false].map((strips) => ({ ...kind, strips, how: strips ? 'strips' : 'keeps' }))),
)('behind $name that $how the path', ({ isHere, start, strips }) => {
  let proxy: ReverseProxy;
  beforeAll(async () => {
    if (isHere) proxy = await start({ target: api.url, path: PATH, strips });
  });
  afterAll(() => proxy?.stop());

  test.skipIf(!isHere)('Location leads to the run', async () => {
    const { status, headers } = await send(proxy.url, {
      method: 'POST',
      path: `${PATH}/v1/orders`,
      headers: { 'content-type': 'application/json', 'idempotency-key': newKey() },
      body: JSON.stringify(ORDER),
    });
    expect(status).toBe(202);
    expect(headers.location).toMatch(/^\/ops\/v1\/runs\/run_/);
    expect((await send(proxy.url, { path: headers.location ?? '' })).status).toBe(200);
  });

  test.skipIf(!isHere)('the description, its page and the type of a problem are below it', async () => {
    const { json } = await send(proxy.url, { path: `${PATH}/openapi.json` });
    expect(json.servers).toEqual([{ url: PATH }]);
    const docs = await send(proxy.url, { path: `${PATH}/docs` });
    const script = /src="([^"]*swagger-ui-bundle\.js)"/.exec(docs.text)?.[1] ?? '';
    expect(
      (await send(proxy.url, { path: new URL(script, `${proxy.url}${PATH}/docs`).pathname })).status,
    ).toBe(200);
    const missing = await send(proxy.url, { path: `${PATH}/v1/runs/run_none` });
    expect(missing.json.type).toBe('/ops/docs/errors#run_not_found');
    expect((await send(proxy.url, { path: '/ops/docs/errors' })).text).toContain('href="/ops/docs"');
  });

  test.skipIf(!isHere)('a stream of events comes through at once', async () => {
    const { headers } = await api.order(ORDER);
    const response = await fetch(`${proxy.url}${headers.location}/events`, {
      headers: { authorization: 'Bearer hf_test_0123456789abcdef' },
    });
    const reader = response.body?.getReader();
    const { value } = (await reader?.read()) ?? {};
    expect(new TextDecoder().decode(value)).toContain('retry:');
    await reader?.cancel();
  });
});

test.each(['ops', '/v1', '/ops/../x', '/a b', '//x', '/runs/x'])('%s is no base path', (path) => {
  const env = { HOLDFAST_REDIS_URL: 'redis://127.0.0.1', HOLDFAST_BASE_PATH: path };
  expect(() => readApiConfig(env)).toThrow(/HOLDFAST_BASE_PATH: expected a path/);
});

test.each(['localhost', '10.0.0.0/33', '10.0.0.1,', '1.2.3'])('%s are no proxies', (proxies) => {
  const env = { HOLDFAST_REDIS_URL: 'redis://127.0.0.1', HOLDFAST_TRUSTED_PROXIES: proxies };
  expect(() => readApiConfig(env)).toThrow(/HOLDFAST_TRUSTED_PROXIES: expected IP addresses/);
});
