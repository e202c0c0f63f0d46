import { describe, expect, test } from 'vitest';
import { eventually, start } from './harness.ts';

const PATH = '/inventory/reservations/r1';
const BODY = { items: [{ sku: 'TEE-M', quantity: 1 }] };
const ON_RESERVE = { provider: 'inventory', operation: 'reserve' };
const RESET = { cause: { code: 'ECONNRESET' } };

describe('over HTTP', () => {
  test('error: answers its status without the effect, as often as it was told', async () => {
    const { json, fault, operations } = await start();
    await fault({ ...ON_RESERVE, fault: 'error', times: 2 });
    await fault({ ...ON_RESERVE, fault: 'error', status: 503, retryAfter: 7 });
    expect((await json('PUT', PATH, BODY)).status).toBe(500);
    expect((await json('PUT', PATH, BODY)).status).toBe(500);
    const unavailable = await json('PUT', PATH, BODY);
    expect([unavailable.status, unavailable.headers.get('retry-after')]).toEqual([503, '7']);
    expect(unavailable.body).toMatchObject({ code: 'sandbox_fault' });
    expect(await operations()).toEqual([]);
    expect((await json('PUT', PATH, BODY)).status).toBe(201);
  });

  test('throttle: 429 with Retry-After in seconds or as it was given', async () => {
    const { json, fault, operations } = await start();
    await fault({ ...ON_RESERVE, fault: 'throttle' });
    await fault({ ...ON_RESERVE, fault: 'throttle', retryAfter: 'Fri, 31 Dec 2049 23:59:59 GMT' });
    const answers = [await json('PUT', PATH, BODY), await json('PUT', PATH, BODY)];
    expect(answers.map(({ status }) => status)).toEqual([429, 429]);
    expect(answers.map(({ headers }) => headers.get('retry-after'))).toEqual([
      '1',
      'Fri, 31 Dec 2049 23:59:59 GMT',
    ]);
    expect(await operations()).toEqual([]);
  });

  test('timeout: no answer and no effect; timeout_after_effect: no answer, but the effect', async () => {
    const { url, json, fault, operations } = await start();
    const unanswered = (signal: AbortSignal) => {
      const headers = { 'content-type': 'application/json' };
      const request = { method: 'PUT', headers, body: JSON.stringify(BODY), signal };
      return expect(fetch(`${url}${PATH}`, request)).rejects.toMatchObject({ name: 'AbortError' });
    };
    for (const [kind, effects] of [
      ['timeout', []],
      ['timeout_after_effect', ['reserve']],
    ] as const) {
      const patience = new AbortController();
      await fault({ ...ON_RESERVE, fault: kind });
      const request = unanswered(patience.signal);
      await eventually(async () => (await json('GET', '/_control/faults')).body).toEqual([]);
      expect(await operations()).toEqual(effects);
      patience.abort();
      await request;
    }
  });

  test('timeout: the connection is dropped after a while when the client waits', async () => {
    const { json, fault } = await start();
    await fault({ ...ON_RESERVE, fault: 'timeout', delayMs: 50 });
    await expect(json('PUT', PATH, BODY)).rejects.toMatchObject({ cause: { code: 'UND_ERR_SOCKET' } });
  });

  test('resets: the connection breaks before the effect, or after it', async () => {
    const { json, fault, operations } = await start();
    await fault({ ...ON_RESERVE, fault: 'reset_before_effect' });
    await expect(json('PUT', PATH, BODY)).rejects.toMatchObject(RESET);
    expect(await operations()).toEqual([]);
    await fault({ ...ON_RESERVE, fault: 'reset_after_effect' });
    await expect(json('PUT', PATH, BODY)).rejects.toMatchObject(RESET);
    expect(await operations()).toEqual(['reserve']);
  });

  test('slow: the effect at once, the answer late', async () => {
    const { json, fault, operations } = await start();
    await fault({ ...ON_RESERVE, fault: 'slow', delayMs: 200 });
    const startedAt = performance.now();
    const answer = json('PUT', PATH, BODY);
    await eventually(() => operations()).toEqual(['reserve']);
    expect((await answer).status).toBe(201);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(199);
  });

  test('firewall: a page of somebody else, and no effect', async () => {
    const { url, json, fault, operations } = await start();
    for (const status of [403, 200]) {
      await fault({ ...ON_RESERVE, fault: 'firewall', status });
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(`${url}${PATH}`, { method: 'PUT', headers, body: JSON.stringify(BODY) });
      expect([answer.status, answer.headers.get('content-type')]).toEqual([
        status,
        'text/html; charset=utf-8',
      ]);
      expect(await answer.text()).toContain('blocked');
    }
    expect(await operations()).toEqual([]);
    expect((await json('PUT', PATH, BODY)).status).toBe(201);
  });

  test('gzip: the same answer, smaller on the wire', async () => {
    const { json, fault, operations } = await start();
    await fault({ ...ON_RESERVE, fault: 'gzip' });
    const { status, headers, body } = await json('PUT', PATH, BODY, { 'accept-encoding': 'identity' });
    expect([status, headers.get('content-encoding')]).toEqual([201, 'gzip']);
    expect(body).toMatchObject({ id: 'r1', status: 'reserved' });
    expect(await operations()).toEqual(['reserve']);
  });

  test('one_live_token: the next token ends those before it', async () => {
    const { json, url, fault } = await start();
    const token = async () => {
      const form = {
        grant_type: 'client_credentials',
        client_id: 'sandbox',
        client_secret: 'sandbox-secret',
      };
      const answer = await fetch(`${url}/shipping/oauth/token`, {
        method: 'POST',
        body: new URLSearchParams(form),
      });
      return ((await answer.json()) as { access_token: string }).access_token;
    };
    const accepted = async (bearer: string) => {
      const headers = { authorization: `Bearer ${bearer}` };
      return (await json('GET', '/shipping/labels?reference=a', undefined, headers)).status;
    };
    const [a, b] = [await token(), await token()];
    expect([await accepted(a), await accepted(b)]).toEqual([200, 200]);
    await fault({ provider: 'shipping', operation: 'token', fault: 'one_live_token' });
    const c = await token();
    expect([await accepted(a), await accepted(b), await accepted(c)]).toEqual([401, 401, 200]);
  });

  test.each([
    [{ provider: 'email', fault: 'firewall' }],
    [{ provider: 'tls', fault: 'error' }],
    [{ provider: 'payment', fault: 'greylist' }],
    [{ provider: 'inventory', fault: 'one_live_token' }],
    [{ provider: 'shipping', fault: 'slow_connect' }],
  ])('what a provider cannot have is refused: %j', async (fault) => {
    const { json } = await start();
    const { status, body } = await json('POST', '/_control/faults', fault);
    expect(status).toBe(422);
    expect(JSON.stringify(body)).toContain('provider');
  });

  test('a fault takes hold of its own provider and operation; without one, of any', async () => {
    const { json, fault } = await start();
    await fault({ ...ON_RESERVE, operation: 'release', fault: 'error' });
    await fault({ provider: 'shipping', fault: 'error' });
    expect((await json('PUT', PATH, BODY)).status).toBe(201);
    expect((await json('DELETE', PATH)).status).toBe(500);
    await fault({ provider: 'inventory', fault: 'error', times: 2 });
    expect((await json('PUT', PATH, BODY)).status).toBe(500);
    expect((await json('DELETE', PATH)).status).toBe(500);
    expect((await json('DELETE', PATH)).status).toBe(204);
  });

  test.each([
    [
      'payment',
      'retrieve',
      'GET',
      '/v1/payment_intents/pi_1',
      'Bearer sk_1',
      { error: { type: 'api_error' } },
    ],
    ['payment', 'create', 'POST', '/v1/payment_intents', 'Bearer sk_1', { error: { type: 'api_error' } }],
    ['payment', 'refund', 'POST', '/v1/refunds', 'Bearer sk_1', { error: { type: 'api_error' } }],
    ['shipping', 'token', 'POST', '/shipping/oauth/token', '', { error: 'server_error' }],
  ])(
    '%s %s has the error shape of its provider',
    async (provider, operation, method, path, authorization, body) => {
      const { json, fault } = await start();
      await fault({ provider, operation, fault: 'error', status: 502 });
      const headers: Record<string, string> = authorization === '' ? {} : { authorization };
      expect(await json(method, path, undefined, headers)).toMatchObject({ status: 502, body });
    },
  );
});

describe('over SMTP', () => {
  const ON_SEND = { provider: 'email', operation: 'send' };

  test('error and throttle: the mail is refused for now, or for good where the status says so', async () => {
    const { send, fault, operations } = await start();
    for (const [more, responseCode] of [
      [{ fault: 'error' }, 451],
      [{ fault: 'error', status: 503 }, 451],
      [{ fault: 'error', status: 550 }, 550],
      [{ fault: 'error', status: 421 }, 421],
      [{ fault: 'throttle', retryAfter: 5 }, 451],
    ] as const) {
      await fault({ ...ON_SEND, ...more });
      await expect(send()).rejects.toMatchObject({ responseCode });
    }
    expect(await operations()).toEqual([]);
    await send();
    expect(await operations()).toEqual(['send']);
  });

  test('timeouts: no reply until the connection is dropped, without the mail and with it', async () => {
    const { send, fault, operations } = await start();
    for (const [kind, effects] of [
      ['timeout', []],
      ['timeout_after_effect', ['send']],
    ] as const) {
      await fault({ ...ON_SEND, fault: kind, delayMs: 100 });
      const startedAt = performance.now();
      await expect(send()).rejects.toMatchObject({ code: 'ECONNECTION' });
      expect(performance.now() - startedAt).toBeGreaterThanOrEqual(99);
      expect(await operations()).toEqual(effects);
    }
  });

  test('resets: the connection breaks, without the mail and with it', async () => {
    const { send, fault, operations } = await start();
    await fault({ ...ON_SEND, fault: 'reset_before_effect' });
    await expect(send()).rejects.toMatchObject({ code: 'ESOCKET' });
    expect(await operations()).toEqual([]);
    await fault({ ...ON_SEND, fault: 'reset_after_effect' });
    await expect(send()).rejects.toMatchObject({ code: 'ESOCKET' });
    expect(await operations()).toEqual(['send']);
  });

  test('greylist: 450 to a pair that is new, until it comes back later', async () => {
    const { send, fault, operations } = await start();
    await fault({ ...ON_SEND, fault: 'greylist', delayMs: 300 });
    await expect(send()).rejects.toMatchObject({ responseCode: 450 });
    await expect(send()).rejects.toMatchObject({ responseCode: 450 });
    expect(await operations()).toEqual([]);
    await eventually(async () => send().then(() => operations())).toEqual(['send']);
  });

  test('slow: the mail at once, the reply late', async () => {
    const { send, fault, operations } = await start();
    await fault({ ...ON_SEND, fault: 'slow', delayMs: 200 });
    const startedAt = performance.now();
    const sent = send();
    await eventually(() => operations()).toEqual(['send']);
    await sent;
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(199);
  });
});
