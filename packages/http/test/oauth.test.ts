import type { ServerResponse } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type OAuthClientCredentials, oauthClientCredentials } from '../src/oauth.ts';
import { client, post } from './clients.ts';
import { json, type Received, serveHttp, serveSocket } from './servers.ts';

const SECRET = 'canary-secret/+1';

type Reply = (response: ServerResponse, count: number, request: Received) => void;

const issue = (expiresIn?: number) => (response: ServerResponse, count: number) =>
  json(response, 200, { access_token: `tok_canary_${count}`, token_type: 'Bearer', expires_in: expiresIn });

/** An API whose token endpoint answers as told, and that takes every token but those it is told to refuse. */
async function api(token: Reply, refuse: (authorization: string) => boolean = () => false) {
  const tokens: Received[] = [];
  const calls: Received[] = [];
  const { url } = await serveHttp((request, response) => {
    if (request.url === '/oauth/token') return token(response, tokens.push(request), request);
    calls.push(request);
    const authorization = request.headers.authorization ?? '';
    if (refuse(authorization)) return json(response, 401, { message: `${authorization} is no good` });
    json(response, 200, { id: 'a' });
  });
  const connect = (more: Partial<OAuthClientCredentials> = {}) => {
    const auth = oauthClientCredentials({
      tokenUrl: `${url}/oauth/token`,
      clientId: 'client:1-a',
      clientSecret: SECRET,
      ...more,
    });
    return client(url, { auth });
  };
  return { tokens, calls, connect };
}

describe('a token', () => {
  it('is asked for as RFC 6749 says, once for all requests at once', async () => {
    const { tokens, calls, connect } = await api(issue(3600));
    const http = connect({ scope: 'labels' });
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => http.request(post())));
    expect(new Set(outcomes.map(({ kind }) => kind))).toEqual(new Set(['ok']));
    expect(tokens).toHaveLength(1);
    const credentials = 'client%3A1-a:canary-secret%2F%2B1';
    expect(tokens[0]?.headers.authorization).toBe(`Basic ${Buffer.from(credentials).toString('base64')}`);
    expect(Object.fromEntries(new URLSearchParams(tokens[0]?.body))).toEqual({
      grant_type: 'client_credentials',
      scope: 'labels',
    });
    expect(new Set(calls.map(({ headers }) => headers.authorization))).toEqual(
      new Set(['Bearer tok_canary_1']),
    );
  });

  it('is renewed in the background while it still holds, and waited for once it does not', async () => {
    let nowMs = 0;
    const { tokens, calls, connect } = await api(issue(100));
    const http = connect({ now: () => nowMs });
    const used = async () => {
      await http.request(post());
      return calls.at(-1)?.headers.authorization;
    };
    expect(await used()).toBe('Bearer tok_canary_1');
    nowMs = 79_000;
    expect(await used()).toBe('Bearer tok_canary_1');
    expect(tokens).toHaveLength(1);
    nowMs = 81_000;
    expect(await used()).toBe('Bearer tok_canary_1');
    await expect.poll(() => tokens.length).toBe(2);
    await expect.poll(used).toBe('Bearer tok_canary_2');
    nowMs = 81_000 + 101_000;
    expect(await used()).toBe('Bearer tok_canary_3');
  });

  it('without a stated life is kept', async () => {
    let nowMs = 0;
    const { tokens, connect } = await api(issue());
    const http = connect({ now: () => nowMs });
    await http.request(post());
    nowMs = 1e12;
    await http.request(post());
    expect(tokens).toHaveLength(1);
  });
});

describe('a 401', () => {
  it('renews the token and sends the request once again', async () => {
    const { tokens, calls, connect } = await api(issue(3600), (sent) => sent === 'Bearer tok_canary_1');
    expect(await connect().request(post())).toMatchObject({ kind: 'ok' });
    expect(tokens).toHaveLength(2);
    expect(calls.map(({ body }) => body)).toEqual(['{"name":"a"}', '{"name":"a"}']);
  });

  it('on many requests at once renews it once', async () => {
    const { tokens, connect } = await api(issue(3600), (sent) => sent === 'Bearer tok_canary_1');
    const http = connect();
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => http.request(post())));
    expect(outcomes.every(({ kind }) => kind === 'ok')).toBe(true);
    expect(tokens).toHaveLength(2);
  });

  it('again, with a fresh token, is for us to put right, and does not show the token', async () => {
    const { tokens, calls, connect } = await api(issue(3600), () => true);
    const outcome = await connect().request(post());
    expect(outcome).toMatchObject({ kind: 'misconfigured', code: 'credentials_refused', status: 401 });
    expect([tokens.length, calls.length]).toEqual([2, 2]);
    expect(JSON.stringify(outcome)).not.toContain('canary');
    expect(JSON.stringify(outcome)).toContain('[redacted]');
  });
});

describe('without a token nothing is sent, and the outcome is unavailable', () => {
  it.each<[string, Reply, object]>([
    [
      'refused',
      (response) => json(response, 401, { error: 'invalid_client', error_description: `not ${SECRET}` }),
      {
        kind: 'misconfigured',
        code: 'token_refused',
        details: { status: 401, oauthError: 'invalid_client', description: 'not [redacted]' },
      },
    ],
    [
      'refused with a challenge',
      (response) =>
        json(response, 401, { error: 'invalid_client' }, { 'www-authenticate': 'Basic realm="tokens"' }),
      { kind: 'misconfigured', details: { status: 401 } },
    ],
    [
      'in trouble',
      (response) => json(response, 500, {}),
      { code: 'token_unavailable', details: { status: 500 } },
    ],
    [
      'busy',
      (response) => json(response, 429, {}, { 'retry-after': '7' }),
      { code: 'token_unavailable', retryAfterMs: 7_000 },
    ],
    [
      'redirecting',
      (response) => response.writeHead(302, { location: '/' }).end(),
      { kind: 'misconfigured', details: { status: 302 } },
    ],
    [
      'resetting',
      (response) => response.socket?.resetAndDestroy(),
      { code: 'token_unavailable', details: { reason: 'connection_reset' } },
    ],
    [
      'HTML',
      (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
      { code: 'token_response_unexpected' },
    ],
    [
      'garbage',
      (response) => response.writeHead(200, { 'content-type': 'application/json' }).end('{'),
      { code: 'token_response_unexpected' },
    ],
    [
      'without a token',
      (response) => json(response, 200, { token_type: 'bearer' }),
      { code: 'token_response_unexpected' },
    ],
    [
      'with a token that cannot be sent',
      (response) => json(response, 200, { access_token: 'a\r\nb: c', token_type: 'bearer' }),
      { code: 'token_response_unexpected' },
    ],
    [
      'with a token of another type',
      (response) => json(response, 200, { access_token: 'canary', token_type: 'mac' }),
      { code: 'token_response_unexpected' },
    ],
    [
      '1 MB',
      (response) => json(response, 200, { access_token: 'x'.repeat(1_000_000), token_type: 'bearer' }),
      { code: 'token_unavailable', details: { reason: 'response_too_large' } },
    ],
  ])('%s', async (_what, reply, expected) => {
    const { calls, connect } = await api(reply);
    const outcome = await connect().request(post());
    expect(outcome).toMatchObject({ kind: 'unavailable', ...expected });
    expect(JSON.stringify(outcome)).not.toContain('canary');
    expect(calls).toEqual([]);
  });

  it('does not show what was sent to the token endpoint', async () => {
    const { tokens, connect } = await api((response, _count, { headers }) =>
      json(response, 400, {
        error: 'invalid_request',
        error_description: `you sent ${headers.authorization}`,
      }),
    );
    const shown = JSON.stringify(await connect().request(post()));
    expect(shown).toContain('you sent Basic [redacted]');
    expect(tokens).toHaveLength(1);
  });

  it('a failure is not kept', async () => {
    const { tokens, connect } = await api((response, count) =>
      count === 1 ? json(response, 503, {}) : issue(3600)(response, count),
    );
    const http = connect();
    expect(await http.request(post())).toMatchObject({ kind: 'unavailable' });
    expect(await http.request(post())).toMatchObject({ kind: 'ok' });
    expect(tokens).toHaveLength(2);
  });

  it('a token endpoint that says nothing', async () => {
    const tokenUrl = await serveSocket(() => {});
    const { connect } = await api(issue(3600));
    const outcome = await connect({ tokenUrl, timeoutMs: 50 }).request(post());
    expect(outcome).toMatchObject({ kind: 'unavailable', code: 'token_unavailable' });
  });

  it('a request that is aborted stops waiting; the others get their token', async () => {
    const held: ServerResponse[] = [];
    const { tokens, connect } = await api((response) => held.push(response));
    onTestFinished(() => void held.map((response) => response.destroy()));
    const http = connect();
    const abort = new AbortController();
    const impatient = http.request(post({ signal: abort.signal }));
    const patient = http.request(post());
    await expect.poll(() => held.length).toBe(1);
    abort.abort();
    expect(await impatient).toMatchObject({ kind: 'unavailable', code: 'aborted' });
    for (const response of held) issue(3600)(response, 1);
    expect(await patient).toMatchObject({ kind: 'ok' });
    expect(tokens).toHaveLength(1);
  });
});

describe('a token URL', () => {
  it.each(['http://api.example.com/token', 'ftp://127.0.0.1/token', 'nowhere'])(
    '%s is refused',
    (tokenUrl) => {
      const make = () => oauthClientCredentials({ tokenUrl, clientId: 'c', clientSecret: SECRET });
      expect(make).toThrow(/must be https/);
      expect(make).not.toThrow(/canary/);
    },
  );

  it.each(['https://api.example.com/token', 'http://localhost:1/token', 'http://[::1]:1/token'])(
    '%s is taken',
    async (tokenUrl) => {
      await oauthClientCredentials({ tokenUrl, clientId: 'c', clientSecret: SECRET }).close();
    },
  );

  it('is plain http where somebody has said that nobody else listens', async () => {
    const reach = { plaintextHosts: ['sandbox'] };
    const options = { tokenUrl: 'http://sandbox:1/t', clientId: 'c', clientSecret: SECRET, reach };
    await oauthClientCredentials(options).close();
  });
});
