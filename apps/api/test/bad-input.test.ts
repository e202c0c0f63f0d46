import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newKey, ORDER } from './support/order.ts';
import { KEY, startTestApi, type TestApi } from './support/test-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(() => api.stop());

describe('the Idempotency-Key', () => {
  test.each<[string, string | string[] | undefined, string]>([
    ['missing', undefined, 'idempotency_key_missing'],
    ['empty', '', 'idempotency_key_invalid'],
    ['of 256 characters', 'k'.repeat(256), 'idempotency_key_invalid'],
    ['of 256 characters, quoted', `"${'k'.repeat(256)}"`, 'idempotency_key_invalid'],
    ['with a space', 'order 1', 'idempotency_key_invalid'],
    ['with a space, quoted', '"order 1"', 'idempotency_key_invalid'],
    ['with a tab', 'order\t1', 'idempotency_key_invalid'],
    ['with a letter that is not ASCII', 'bestellung-ü', 'idempotency_key_invalid'],
    ['quoted and empty', '""', 'idempotency_key_invalid'],
    ['with an open quote', '"order-1', 'idempotency_key_invalid'],
    ['with a bad escape', '"order\\-1"', 'idempotency_key_invalid'],
    ['with text after the quotes', '"order-1"x', 'idempotency_key_invalid'],
    ['with parameters', '"order-1";v=2', 'idempotency_key_invalid'],
    ['as a list', '"order-1", "order-2"', 'idempotency_key_invalid'],
    ['as a list by a proxy', 'order-1, order-2', 'idempotency_key_invalid'],
    ['sent twice', ['order-1', 'order-2'], 'idempotency_key_invalid'],
    ['sent twice, the same', ['order-1', 'order-1'], 'idempotency_key_invalid'],
  ])('%s is refused', async (_what, key, code) => {
    const { status, json } = await api.order(ORDER, { 'idempotency-key': key });
    expect({ status, code: json.code }).toEqual({ status: 400, code });
  });

  test.each([
    ['k', 'k'],
    ['k'.repeat(255), 'k'.repeat(255)],
    [`"${'q'.repeat(255)}"`, 'q'.repeat(255)],
    ['!#$%&()*+,-./:;<=>?@[]^_{|}~', '!#$%&()*+,-./:;<=>?@[]^_{|}~'],
    ['__proto__', '__proto__'],
    ['12', '12'],
    ['meta', 'meta'],
    ['a"b\\c', 'a"b\\c'],
    ['"d\\"e\\\\f"', 'd"e\\f'],
  ])('%s is taken', async (sent, key) => {
    const { status, json } = await api.order(ORDER, { 'idempotency-key': sent });
    expect(status).toBe(202);
    expect(json.idempotencyKey).toBe(key);
  });

  test('means the same quoted and bare, whatever has to be escaped', async () => {
    const key = `${newKey()}"\\x`;
    const bare = await api.order(ORDER, { 'idempotency-key': key });
    const quoted = await api.order(ORDER, { 'idempotency-key': `"${key.replace(/["\\]/g, '\\$&')}"` });
    expect(quoted.json.id).toBe(bare.json.id);
    expect(quoted.headers['idempotent-replayed']).toBe('true');
  });
});

describe('the input', () => {
  const [item] = ORDER.items;
  test.each<[string, object, string]>([
    ['an unknown member', { ...ORDER, coupon: 'X' }, 'coupon'],
    ['an unknown member further in', { ...ORDER, shipTo: { ...ORDER.shipTo, planet: 'Mars' } }, 'planet'],
    ['a missing member', { ...ORDER, currency: undefined }, 'currency'],
    ['no items', { ...ORDER, items: [] }, 'items'],
    ['a negative amount', { ...ORDER, items: [{ ...item, unitAmount: -1 }] }, 'items.0.unitAmount'],
    ['a fractional amount', { ...ORDER, items: [{ ...item, unitAmount: 19.99 }] }, 'items.0.unitAmount'],
    ['an amount as text', { ...ORDER, items: [{ ...item, unitAmount: '1900' }] }, 'items.0.unitAmount'],
    ['a quantity of zero', { ...ORDER, items: [{ ...item, quantity: 0 }] }, 'items.0.quantity'],
    ['a sum that is too large', { ...ORDER, items: [{ ...item, quantity: 1_000_000 }] }, 'items'],
    ['a sum of zero', { ...ORDER, items: [{ ...item, unitAmount: 0 }] }, 'items'],
    ['a bad address of mail', { ...ORDER, customer: { ...ORDER.customer, email: 'ada' } }, 'customer.email'],
    ['a currency that is none', { ...ORDER, currency: 'USD' }, 'currency'],
  ])('with %s is refused, saying where', async (_what, body, where) => {
    const { status, json } = await api.order(body);
    expect({ status, code: json.code }).toEqual({ status: 422, code: 'validation_failed' });
    expect(JSON.stringify(json.errors)).toContain(where);
  });

  test('with several faults names each of them', async () => {
    const { json } = await api.order({ ...ORDER, currency: 'dollars', items: [], paymentMethod: '' });
    const paths = (json.errors as { path: string }[]).map(({ path }) => path);
    expect(paths).toEqual(expect.arrayContaining(['currency', 'items', 'paymentMethod']));
  });

  test.each([
    ['a list', '[]'],
    ['a text', '"order"'],
    ['a number', '1'],
    ['null', 'null'],
  ])('that is %s is refused', async (_what, body) => {
    expect((await api.order(body)).json.code).toBe('validation_failed');
  });

  test.each([
    ['1e400', 'unitAmount":1e400'],
    ['-1e400', 'unitAmount":-1e400'],
  ])('with the number %s is refused, not rounded', async (_what, text) => {
    const body = JSON.stringify(ORDER).replace('unitAmount":1900', text);
    const { status, json } = await api.order(body);
    expect({ status, code: json.code }).toEqual({ status: 422, code: 'validation_failed' });
    expect(JSON.stringify(json.errors)).toContain('items.0.unitAmount');
  });

  test.each([
    ['the number 2^53', 'unitAmount":9007199254740992', 'items.0.unitAmount'],
    ['the number 2^53 + 1', 'unitAmount":9007199254740993', 'items.0.unitAmount'],
    ['the number 2^63', 'unitAmount":9223372036854775808', 'items.0.unitAmount'],
    ['a member twice', 'unitAmount":1900,"unitAmount":1', 'items.0.unitAmount'],
    ['a member twice, once escaped', 'unitAmount":1900,"unit\\u0041mount":1', 'items.0.unitAmount'],
    ['unpaired surrogate', 'unitAmount":1900,"note":"\\ud800"', 'items.0.note'],
  ])('that can be read in two ways is refused: %s', async (_what, text, path) => {
    const body = JSON.stringify(ORDER).replace('unitAmount":1900', text);
    const { status, json } = await api.order(body);
    expect({ status, code: json.code }).toEqual({ status: 400, code: 'ambiguous_json' });
    expect(json.errors).toEqual([{ path, message: expect.any(String) }]);
  });

  test('of a hundred thousand values is refused at once, and of ten thousand faults fifty are told', async () => {
    const wide = JSON.stringify({ ...ORDER, more: Array(100_000).fill(1) });
    const before = performance.now();
    expect((await api.order(wide)).json.code).toBe('body_malformed');
    expect(performance.now() - before).toBeLessThan(500);
    const strange = Object.fromEntries(Array.from({ length: 10_000 }, (_, n) => [`m${n}`, 1]));
    const { json, text } = await api.order({ ...ORDER, ...strange });
    expect(json.errors).toHaveLength(50);
    expect(text.length).toBeLessThan(10_000);
  });

  test.each([
    ['{"__proto__":{"admin":true},', '__proto__'],
    ['{"\\u005f_proto__":1,', '__proto__'],
    ['{"constructor":{"prototype":{"admin":true}},', 'constructor'],
    ['{"extra":[{"deep":{"__proto__":null}}],', 'extra.0.deep.__proto__'],
  ])('beginning %s is refused', async (start, where) => {
    const { status, json } = await api.order(start + JSON.stringify(ORDER).slice(1));
    expect({ status, code: json.code }).toEqual({ status: 422, code: 'validation_failed' });
    expect(json.errors).toEqual([{ path: where, message: 'this member is not allowed' }]);
    expect({}).not.toHaveProperty('admin');
  });
});

describe('the body', () => {
  test.each<[string, string | Buffer, number, string]>([
    ['broken', '{"customer":', 400, 'body_malformed'],
    ['followed by more', '{} {}', 400, 'body_malformed'],
    ['with NaN', '{"a":NaN}', 400, 'body_malformed'],
    ['with a comment', '{/**/}', 400, 'body_malformed'],
    ['not UTF-8', Buffer.from([0x22, 0xff, 0xfe, 0x22]), 400, 'body_malformed'],
    ['empty', '', 400, 'body_missing'],
    ['nested 100,000 deep', `${'['.repeat(100_000)}${']'.repeat(100_000)}`, 400, 'body_malformed'],
    ['nested 65 deep', `${'['.repeat(66)}${']'.repeat(66)}`, 400, 'body_malformed'],
    [
      'of 256 KiB, only white space more than JSON',
      `{}${' '.repeat(256 * 1024 - 2)}`,
      422,
      'validation_failed',
    ],
    ['of 256 KiB and a byte', `{}${' '.repeat(256 * 1024 - 1)}`, 413, 'body_too_large'],
    [
      'of 257 KiB',
      JSON.stringify({ ...ORDER, paymentMethod: 'p'.repeat(257 * 1024) }),
      413,
      'body_too_large',
    ],
  ])('%s is answered with the right problem', async (_what, body, status, code) => {
    const answer = await api.order(body);
    expect({ status: answer.status, code: answer.json.code }).toEqual({ status, code });
  });

  test('sent in chunks and too large is refused too', async () => {
    const answer = await api.order('x'.repeat(257 * 1024), { 'transfer-encoding': 'chunked' });
    expect(answer.json.code).toBe('body_too_large');
  });

  test.each<[string, Record<string, string | undefined>]>([
    ['text', { 'content-type': 'text/plain' }],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }],
    ['no type', { 'content-type': undefined }],
    ['a type that is none', { 'content-type': 'json' }],
    ['another kind of JSON', { 'content-type': 'application/merge-patch+json' }],
    ['another charset', { 'content-type': 'application/json; charset=utf-16' }],
  ])('as %s is answered with 415', async (_what, headers) => {
    const { status, json } = await api.order(ORDER, headers);
    expect({ status, code: json.code }).toEqual({ status: 415, code: 'media_type_unsupported' });
  });

  test('compressed is answered with 415', async () => {
    const answer = await api.order(gzipSync(JSON.stringify(ORDER)), { 'content-encoding': 'gzip' });
    expect(answer.json.code).toBe('media_type_unsupported');
  });

  test('as JSON with a charset of UTF-8 is taken', async () => {
    expect((await api.order(ORDER, { 'content-type': 'application/json; charset=UTF-8' })).status).toBe(202);
  });

  test('that is not there is answered with 400', async () => {
    const answer = await api.ask({
      method: 'POST',
      path: '/v1/orders',
      headers: { 'idempotency-key': newKey() },
    });
    expect({ status: answer.status, code: answer.json.code }).toEqual({ status: 400, code: 'body_missing' });
  });
});

describe('on the wire', () => {
  /** Sends bytes as they are, more of them once an answer has begun, and gives back all that comes until the connection is closed. */
  const raw = (first: string, then?: string) =>
    new Promise<string>((resolve, reject) => {
      const { hostname, port } = new URL(api.url);
      const socket = connect(Number(port), hostname, () => socket.write(first));
      let seen = '';
      socket.setEncoding('utf8');
      socket.on('data', (chunk: string) => {
        if (seen === '' && then !== undefined) socket.write(then);
        seen += chunk;
      });
      socket.on('error', reject).on('close', () => resolve(seen));
    });

  test('CONNECT is refused in words', async () => {
    expect(await raw('CONNECT example.com:443 HTTP/1.1\r\nHost: a\r\n\r\n')).toMatch(/^HTTP\/1\.1 405 /);
  });

  test.each(['PROPFIND', 'PURGE', 'MKCOL'])('%s does not fit a URL that is there', async (method) => {
    const { status, json, headers } = await api.ask({ method, path: '/v1/runs' });
    expect({ status, code: json.code }).toEqual({ status: 405, code: 'method_not_allowed' });
    expect(headers.allow).toContain('GET');
    expect((await api.ask({ method, path: '/v1/nowhere' })).status).toBe(404);
  });

  test('bytes behind the request of a stream put no second answer into it', async () => {
    const { json } = await api.order(ORDER, { 'idempotency-key': newKey() });
    const head = [`GET /v1/runs/${json.id}/events HTTP/1.1`, 'Host: a', `Authorization: Bearer ${KEY}`];
    const seen = await raw(`${head.join('\r\n')}\r\n\r\n`, 'rubbish that is no request\r\n\r\n');
    expect(seen).toMatch(/^HTTP\/1\.1 200 /);
    expect(seen.match(/HTTP\/1\.1/g)).toHaveLength(1);
  });
});
