import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { basic, bearer, header } from '../src/auth.ts';
import { createHttpClient } from '../src/client.ts';
import { client, post } from './clients.ts';
import { json, serveHttp } from './servers.ts';

describe('what is sent', () => {
  it('JSON, below the base URL, with query and key', async () => {
    const { url, received } = await serveHttp((_, response) => json(response, 200, { id: 'a' }));
    const http = client(`${url}/v1/`);
    await http.request(
      post({
        path: '/things',
        query: { 'a b': 'c&d' },
        headers: { 'x-version': '3' },
        idempotencyKey: 'run_1:1:charge',
        body: { json: { b: 1, a: 'é' } },
      }),
    );
    expect(received[0]).toMatchObject({
      method: 'POST',
      url: '/v1/things?a+b=c%26d',
      body: '{"b":1,"a":"é"}',
      headers: {
        'content-type': 'application/json',
        'content-length': '16',
        'idempotency-key': 'run_1:1:charge',
        'x-version': '3',
        accept: 'application/json',
      },
    });
  });

  it('a form, in the order given', async () => {
    const { url, received } = await serveHttp((_, response) => json(response, 200, { id: 'a' }));
    await client(url).request(post({ body: { form: { b: '1', 'metadata[run]': 'run_1', a: 'x&y=é' } } }));
    expect(received[0]).toMatchObject({
      body: 'b=1&metadata%5Brun%5D=run_1&a=x%26y%3D%C3%A9',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });
  });

  it('no body where there is none', async () => {
    const { url, received } = await serveHttp((_, response) => response.writeHead(204).end());
    const { body: _body, ...request } = post();
    const outcome = await client(url).request({ ...request, method: 'DELETE', schema: z.undefined() });
    expect(outcome).toMatchObject({ kind: 'ok', status: 204 });
    expect(received[0]?.headers).not.toHaveProperty('content-type');
    expect(received[0]?.body).toBe('');
  });

  it.each([
    ['bearer', bearer('tok_1'), { authorization: 'Bearer tok_1' }],
    [
      'basic',
      basic('ada', 'p:w é'),
      { authorization: `Basic ${Buffer.from('ada:p:w é').toString('base64')}` },
    ],
    ['a header', header('X-Api-Key', 'k_1'), { 'x-api-key': 'k_1' }],
  ])('credentials as %s', async (_what, auth, headers) => {
    const { url, received } = await serveHttp((_, response) => json(response, 200, { id: 'a' }));
    await client(url, { auth }).request(post());
    expect(received[0]?.headers).toMatchObject(headers);
  });

  it.each([
    ['bearer', bearer('canary-7f3a'), ['canary-7f3a']],
    [
      'basic',
      basic('ada', 'canary-7f3a'),
      ['canary-7f3a', Buffer.from('ada:canary-7f3a').toString('base64')],
    ],
    ['a header', header('x-api-key', 'canary-7f3a'), ['canary-7f3a']],
  ])('credentials as %s, told back, do not show', async (_what, auth, secrets) => {
    const { url } = await serveHttp(({ headers }, response) => json(response, 400, { you: 'sent', headers }));
    const shown = JSON.stringify(await client(url, { auth }).request(post()));
    for (const secret of secrets) expect(shown).not.toContain(secret);
    expect(shown).toContain('[redacted]');
  });
});

describe('mistakes of ours are thrown, and show no credentials', () => {
  it.each([
    ['a token with a line break', () => bearer('canary\r\nx: y')],
    ['an empty token', () => bearer('')],
    ['a header with a space', () => header('x-key', 'canary key')],
    ['a user with a colon', () => basic('a:b', 'canary')],
    ['no URL', () => options('canary')],
    ['another protocol', () => options('ftp://127.0.0.1')],
    ['a URL with credentials', () => options('http://user:canary@127.0.0.1')],
    ['a URL with a query', () => options('http://127.0.0.1/?key=canary')],
  ])('%s', (what, make) => {
    expect(make).toThrow(TypeError);
    if (what !== 'no URL') expect(make).not.toThrow(/canary/);
  });

  it.each([
    ['a path without its slash', post({ path: 'things' })],
    ['a key with a space', post({ idempotencyKey: 'a b' })],
    ['a key that is too long', post({ idempotencyKey: 'k'.repeat(256) })],
    ['a header with a line break', post({ headers: { 'x-a': 'b\r\nc: d' } })],
  ])('%s', async (_what, request) => {
    const { url, received } = await serveHttp((_, response) => json(response, 200, { id: 'a' }));
    await expect(client(url).request(request)).rejects.toThrow();
    expect(received).toEqual([]);
  });
});

function options(baseUrl: string) {
  return createHttpClient({
    baseUrl,
    connectTimeoutMs: 1,
    headersTimeoutMs: 1,
    bodyTimeoutMs: 1,
    maxResponseBytes: 1,
  });
}
