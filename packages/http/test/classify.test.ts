import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { classifyExchange, type Expectation, type ReadError } from '../src/classify.ts';
import type { Exchange } from '../src/exchange.ts';

const Body = z.object({ code: z.string(), message: z.string().optional() });

const readError: ReadError = (_status, body) => {
  const parsed = Body.safeParse(body);
  if (!parsed.success) return undefined;
  const { code, message } = parsed.data;
  return {
    code,
    ...(message === undefined ? {} : { message }),
    ...(code === 'rate_limit' ? { outcome: 'throttled' as const } : {}),
    ...(code === 'in_progress' ? { outcome: 'in_doubt' as const } : {}),
  };
};

function expected(more: Partial<Expectation<{ id: string }>> = {}): Expectation<{ id: string }> {
  return { schema: z.object({ id: z.string() }), safe: false, readError, secrets: [], ...more };
}

function answered(status: number, body: unknown = {}, headers: Record<string, string> = {}): Exchange {
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return {
    ended: 'answered',
    status,
    headers: { 'content-type': 'application/json', ...headers },
    body: { whole: true, bytes },
    receivedAtMs: 0,
  };
}

const noContent: Exchange = {
  ended: 'answered',
  status: 204,
  headers: {},
  body: { whole: true, bytes: Buffer.alloc(0) },
  receivedAtMs: 0,
};

const notUtf8: Exchange = {
  ...noContent,
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: { whole: true, bytes: Buffer.from([0x22, 0xff, 0x22]) },
};

function brokenOff(status: number, code: string, text = ''): Exchange {
  const body = { whole: false, bytes: Buffer.from(text), error: withCode(code) } as const;
  return { ended: 'answered', status, headers: {}, body, receivedAtMs: 0 };
}

function withCode(code: string): Error {
  return Object.assign(new Error(`the text of ${code} does not matter`), { code });
}

describe('what never left is unavailable', () => {
  it.each([
    ['ECONNREFUSED', 'connection_refused'],
    ['ENOTFOUND', 'host_not_found'],
    ['EAI_AGAIN', 'host_not_found'],
    ['UND_ERR_CONNECT_TIMEOUT', 'connect_timeout'],
    ['ETIMEDOUT', 'connect_timeout'],
    ['ECONNRESET', 'connection_reset'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', 'certificate_not_trusted'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', 'tls_failed'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'certificate_not_trusted'],
    ['CERT_HAS_EXPIRED', 'certificate_not_trusted'],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', 'certificate_not_trusted'],
    ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'certificate_not_trusted'],
    ['UND_ERR_CLOSED', 'client_closed'],
    ['aborted', 'aborted'],
    ['EHOSTUNREACH', 'connection_failed'],
  ])('%s → %s', (error, code) => {
    const outcome = classifyExchange({ ended: 'failed', sent: false, error: withCode(error) }, expected());
    expect(outcome).toMatchObject({ kind: 'unavailable', code });
  });
});

describe('what was sent and never answered is in doubt, or unavailable when it only reads', () => {
  it.each([
    ['ECONNRESET', 'connection_reset'],
    ['EPIPE', 'connection_reset'],
    ['UND_ERR_SOCKET', 'connection_lost'],
    ['headers_timeout', 'headers_timeout'],
    ['UND_ERR_HEADERS_OVERFLOW', 'response_malformed'],
    ['aborted', 'aborted'],
    ['something new', 'connection_lost'],
  ])('%s → %s', (error, code) => {
    const exchange = { ended: 'failed', sent: true, error: withCode(error) } as const;
    expect(classifyExchange(exchange, expected())).toMatchObject({ kind: 'in_doubt', code });
    expect(classifyExchange(exchange, expected({ safe: true }))).toMatchObject({ kind: 'unavailable', code });
  });
});

describe('a status decides', () => {
  it.each([
    [200, { id: 'a' }, {}, { kind: 'ok', value: { id: 'a' }, status: 200 }],
    [201, { id: 'a', more: 1 }, {}, { kind: 'ok', value: { id: 'a' }, status: 201 }],
    [
      301,
      {},
      { location: 'https://elsewhere.example' },
      { kind: 'misconfigured', code: 'unexpected_redirect' },
    ],
    [303, {}, {}, { kind: 'in_doubt', code: 'unexpected_redirect' }],
    [307, {}, {}, { kind: 'misconfigured', code: 'unexpected_redirect' }],
    [400, {}, {}, { kind: 'misconfigured', code: 'not_from_provider', status: 400 }],
    [
      400,
      { code: 'bad_sku', message: 'No such SKU.' },
      {},
      { kind: 'rejected', code: 'bad_sku', message: 'No such SKU.' },
    ],
    [
      401,
      { code: 'no_key' },
      {},
      {
        kind: 'misconfigured',
        code: 'credentials_refused',
        details: { status: 401, providerCode: 'no_key' },
      },
    ],
    [403, {}, {}, { kind: 'misconfigured', code: 'permission_denied' }],
    [
      403,
      { code: 'rate_limit' },
      { 'retry-after': '2' },
      { kind: 'throttled', code: 'rate_limit', retryAfterMs: 2000 },
    ],
    [402, { code: 'card_declined' }, {}, { kind: 'rejected', code: 'card_declined' }],
    [404, {}, {}, { kind: 'misconfigured', code: 'not_from_provider' }],
    [404, { code: 'no_such_label' }, {}, { kind: 'rejected', code: 'no_such_label' }],
    [405, {}, {}, { kind: 'misconfigured', code: 'method_not_allowed' }],
    [408, {}, {}, { kind: 'in_doubt', code: 'http_408' }],
    [409, { code: 'out_of_stock' }, {}, { kind: 'rejected', code: 'out_of_stock' }],
    [409, 'not JSON', {}, { kind: 'misconfigured', code: 'not_from_provider' }],
    [409, { code: 'in_progress' }, {}, { kind: 'in_doubt', code: 'in_progress' }],
    [410, {}, {}, { kind: 'misconfigured', code: 'not_from_provider' }],
    [422, { code: 'invalid_address' }, {}, { kind: 'rejected', code: 'invalid_address' }],
    [425, {}, {}, { kind: 'in_doubt', code: 'http_425' }],
    [429, {}, {}, { kind: 'throttled', code: 'http_429' }],
    [429, {}, { 'retry-after': '2' }, { kind: 'throttled', retryAfterMs: 2000 }],
    [
      429,
      {},
      { 'retry-after': '99999999' },
      { kind: 'throttled', retryAfterMs: 86_400_000, retryAfterCapped: true },
    ],
    [500, {}, {}, { kind: 'in_doubt', code: 'http_500' }],
    [500, {}, { 'idempotent-replayed': 'true' }, { kind: 'in_doubt', playedBack: true }],
    [503, {}, { 'idempotent-replayed': 'true', 'retry-after': '2' }, { kind: 'in_doubt', playedBack: true }],
    [402, { code: 'card_declined' }, { 'idempotent-replayed': 'true' }, { kind: 'rejected' }],
    [500, {}, { 'retry-after': '2' }, { kind: 'in_doubt', retryAfterMs: 2000 }],
    [
      502,
      '<html>Bad gateway</html>',
      {},
      { kind: 'in_doubt', code: 'http_502', details: { body: '<html>Bad gateway</html>' } },
    ],
    [503, {}, {}, { kind: 'in_doubt', code: 'http_503' }],
    [503, {}, { 'retry-after': 'soon' }, { kind: 'in_doubt', code: 'http_503' }],
    [503, {}, { 'retry-after': '2' }, { kind: 'in_doubt', code: 'http_503', retryAfterMs: 2000 }],
    [504, {}, {}, { kind: 'in_doubt', code: 'http_504' }],
    [599, {}, {}, { kind: 'in_doubt', code: 'http_599' }],
    [700, {}, {}, { kind: 'in_doubt', code: 'http_700' }],
  ])('%i %j %j', (status, body, headers, outcome) => {
    expect(classifyExchange(answered(status, body, headers), expected())).toMatchObject(outcome);
  });

  it.each([425, 503])('%i is unavailable where the provider gives it before it begins', (status) => {
    const vouched = expected({ beforeAnyEffect: [status] });
    expect(classifyExchange(answered(status, {}, { 'retry-after': '2' }), vouched)).toMatchObject({
      kind: 'unavailable',
      retryAfterMs: 2000,
    });
  });

  it('a page for people is not the provider’s answer', () => {
    const page = (status: number) =>
      answered(status, '<p>Log in</p>', { 'content-type': 'text/html; charset=utf-8' });
    const found = { kind: 'misconfigured', code: 'not_from_provider' };
    for (const status of [200, 400, 404, 418])
      expect(classifyExchange(page(status), expected())).toMatchObject({ ...found, status });
    // it says that all is well, and perhaps it is
    expect(classifyExchange(page(200), expected())).toMatchObject({ mayHaveHappened: true });
    expect(classifyExchange(page(200), expected({ safe: true }))).not.toHaveProperty('mayHaveHappened');
    // without a reader of its form, nobody knows the provider’s
    const unread = expected({ readError: undefined });
    expect(classifyExchange(page(404), unread)).toMatchObject(found);
    expect(classifyExchange(answered(404), unread)).toMatchObject({ kind: 'rejected', code: 'http_404' });
  });

  it('no Retry-After, no delay', () => {
    expect(classifyExchange(answered(429), expected())).not.toHaveProperty('retryAfterMs');
    expect(classifyExchange(answered(429, {}, { 'retry-after': '-1' }), expected())).not.toHaveProperty(
      'retryAfterMs',
    );
  });

  it('a request that only reads is never in doubt', () => {
    for (const status of [408, 500, 502, 503, 504]) {
      const outcome = classifyExchange(answered(status), expected({ safe: true }));
      expect(outcome).toMatchObject({ kind: 'unavailable', code: `http_${status}` });
    }
  });

  it.each([
    [402, 'in_doubt', 'http_402'],
    [429, 'throttled', 'http_429'],
    [502, 'in_doubt', 'http_502'],
  ])('%i counts though its body is lost: %s', (status, kind, code) => {
    expect(classifyExchange(brokenOff(status, 'UND_ERR_SOCKET'), expected())).toMatchObject({ kind, code });
  });

  it('but a 409 whose body is lost may be "in progress"', () => {
    expect(classifyExchange(brokenOff(409, 'UND_ERR_SOCKET'), expected())).toMatchObject({
      kind: 'in_doubt',
      code: 'http_409',
    });
  });
});

describe('a 2xx that cannot be used is in doubt, for the effect may have happened', () => {
  it.each([
    ['another content type', answered(200, 'hi', { 'content-type': 'text/plain' }), 'response_wrong_type'],
    ['not JSON', answered(200, '{"id":'), 'response_not_json'],
    ['no UTF-8', notUtf8, 'response_not_json'],
    ['another shape', answered(200, { id: 7 }), 'response_unexpected'],
    ['no body', noContent, 'response_unexpected'],
    ['truncated', brokenOff(200, 'UND_ERR_SOCKET', '{"id"'), 'response_truncated'],
    ['reset in the middle', brokenOff(200, 'ECONNRESET', '{"id"'), 'response_truncated'],
    ['too large', brokenOff(200, 'response_too_large'), 'response_too_large'],
    ['too slow', brokenOff(200, 'body_timeout'), 'body_timeout'],
    ['aborted', brokenOff(200, 'aborted'), 'aborted'],
  ] as const)('%s', (_what, exchange, code) => {
    expect(classifyExchange(exchange, expected())).toMatchObject({
      kind: 'in_doubt',
      code,
      details: { status: exchange.ended === 'answered' ? exchange.status : 0 },
    });
    expect(classifyExchange(exchange, expected({ safe: true }))).toMatchObject({ kind: 'unavailable', code });
  });

  it('no body is fine where none is expected', () => {
    const outcome = classifyExchange(noContent, { ...expected(), schema: z.undefined() });
    expect(outcome).toMatchObject({ kind: 'ok', value: undefined });
  });

  it('JSON goes by other names too', () => {
    const exchange = answered(
      200,
      { id: 'a' },
      { 'content-type': 'Application/Vnd.Shop+JSON; charset=utf-8' },
    );
    expect(classifyExchange(exchange, expected())).toMatchObject({ kind: 'ok' });
  });

  it('says where the shape differs, and not what stood there', () => {
    const outcome = classifyExchange(answered(200, { id: 7 }), expected());
    expect(outcome).toMatchObject({ details: { faults: [{ path: 'id' }] } });
  });
});

describe('what an outcome carries', () => {
  it("the provider's request id", () => {
    const stripe = classifyExchange(answered(402, {}, { 'request-id': 'req_1' }), expected());
    const other = classifyExchange(answered(500, {}, { 'x-request-id': 'abc' }), expected());
    expect(stripe).toMatchObject({ details: { status: 402, requestId: 'req_1' } });
    expect(other).toMatchObject({ details: { status: 500, requestId: 'abc' } });
  });

  it('a body cut to 2 KB', () => {
    const outcome = classifyExchange(answered(500, 'x'.repeat(50_000)), expected());
    expect(JSON.stringify(outcome).length).toBeLessThan(3_000);
  });

  it('details of a bounded size, however many members an error has', () => {
    const details = Object.fromEntries(
      Array.from({ length: 500 }, (_, n) => [`member${n}`, 'x'.repeat(100)]),
    );
    const outcome = classifyExchange(
      answered(400, { code: 'x' }),
      expected({ readError: () => ({ details }) }),
    );
    expect(JSON.stringify(outcome).length).toBeLessThan(6_000);
    expect(outcome).toMatchObject({ details: { status: 400 } });
  });

  it('a message of a bounded length', () => {
    const outcome = classifyExchange(answered(400, { code: 'x', message: 'y'.repeat(9_000) }), expected());
    expect(outcome.kind === 'rejected' && outcome.message).toHaveLength(500);
  });

  it('nothing of the body of a 2xx: it is about customers, and nobody asked for it', () => {
    const outcome = classifyExchange(answered(200, { name: 'Ada Lovelace' }), expected());
    expect(outcome).toMatchObject({ kind: 'in_doubt', details: { bodyBytes: 23 } });
    expect(JSON.stringify(outcome)).not.toContain('Ada');
  });

  it('no mail address, card or key of anybody, wherever it comes from', () => {
    const text = 'no such customer: ada@example.com, 4242 4242 4242 4242, sk_live_abcdefghij';
    const outcome = classifyExchange(answered(400, text, { 'content-type': 'text/plain' }), expected());
    expect(outcome).toMatchObject({
      details: { body: expect.stringContaining('no such customer: [redacted]') },
    });
    expect(JSON.stringify(outcome)).not.toMatch(/ada@|4242|sk_live/);
  });

  it('no secret, in whatever form it comes back', () => {
    const secret = 'sk_canary "1"/é+';
    const forms = [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64')];
    const text = forms.join(' and ');
    const read: ReadError = () => ({ code: 'refused', message: text, details: { [text]: [{ deep: text }] } });
    for (const exchange of [
      answered(400, text),
      answered(400, { key: text }),
      answered(500, text, { 'request-id': secret }),
      answered(422, { key: text }),
    ]) {
      for (const readError of [undefined, read]) {
        const outcome = classifyExchange(exchange, expected({ secrets: [secret], readError }));
        const shown = textsIn(outcome).join('\n');
        for (const form of [...forms, JSON.stringify(secret).slice(1, -1)]) expect(shown).not.toContain(form);
        expect(shown).toContain('[redacted]');
      }
    }
  });
});

/** Every string in a value, names included, as it is. */
function textsIn(value: unknown): string[] {
  if (typeof value === 'string') return [value];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => [name, ...textsIn(member)]);
}

describe('a provider that also refuses with a 2xx', () => {
  const form = { errorsIn2xx: true };
  it.each([
    [{ code: 'no_stock' }, { kind: 'rejected', code: 'no_stock', status: 200 }],
    [{ code: 'rate_limit' }, { kind: 'throttled', code: 'rate_limit', retryAfterMs: 2_000 }],
    [{ id: 'x' }, { kind: 'ok', value: { id: 'x' } }],
    [
      { id: 'x', code: 'no_stock' },
      { kind: 'in_doubt', code: 'response_ambiguous' },
    ],
    [{}, { kind: 'in_doubt', code: 'response_unexpected' }],
  ])('%j', (body, outcome) => {
    expect(classifyExchange(answered(200, body, { 'retry-after': '2' }), expected(form))).toMatchObject(
      outcome,
    );
  });

  it('a refusal in a 2xx is in doubt where nobody said so', () => {
    expect(classifyExchange(answered(200, { code: 'no_stock' }), expected())).toMatchObject({
      kind: 'in_doubt',
      code: 'response_unexpected',
    });
  });
});
