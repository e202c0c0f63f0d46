import type { ServerResponse } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type OAuthRefreshToken, oauthRefreshToken } from '../src/oauth.ts';
import { createGuard } from '../src/shared/guard.ts';
import { client, post } from './clients.ts';
import { json, type Received, serveHttp } from './servers.ts';
import { sharedRedis } from './shared-redis.ts';

const shared = sharedRedis();

type Reply = (response: ServerResponse, count: number, request: Received) => void;

async function api(token: Reply, refuse: (authorization: string) => boolean = () => false) {
  const tokens: Received[] = [];
  const calls: Received[] = [];
  const { url } = await serveHttp((request, response) => {
    if (request.url === '/token') return token(response, tokens.push(request), request);
    calls.push(request);
    const authorization = request.headers.authorization ?? '';
    json(response, refuse(authorization) ? 401 : 200, { id: 'a', said: authorization });
  });
  const connect = (more: Partial<OAuthRefreshToken> = {}) =>
    client(url, {
      auth: oauthRefreshToken({
        ...{ tokenUrl: `${url}/token`, clientId: 'app', refreshToken: 'refresh_canary_0', rotates: false },
        ...more,
      }),
    });
  const grants = () => tokens.map(({ body }) => Object.fromEntries(new URLSearchParams(body)));
  return { tokens, calls, connect, grants };
}

const issue =
  (more: (count: number) => object = () => ({})): Reply =>
  (response, count) =>
    json(response, 200, {
      ...{ access_token: `access_canary_${count}`, token_type: 'Bearer', expires_in: 100 },
      ...more(count),
    });

describe('a refresh token', () => {
  it('that may rotate is refused where it is not kept: the next process would come with one that is used up', () => {
    const options = { tokenUrl: 'https://id.example.com/token', clientId: 'app', refreshToken: 'secret_0' };
    expect(() => oauthRefreshToken(options)).toThrow(/HOLDFAST_ENCRYPTION_KEYS/);
    expect(() => oauthRefreshToken(options)).not.toThrow(/secret_0/);
    expect(() => oauthRefreshToken({ ...options, rotates: false })).not.toThrow();
  });

  it('gets an access token, once for all requests at once', async () => {
    const { tokens, calls, connect, grants } = await api(issue());
    const http = connect({ clientSecret: 'secret', scope: 'labels' });
    const outcomes = await Promise.all(Array.from({ length: 20 }, () => http.request(post())));
    expect(outcomes.every(({ kind }) => kind === 'ok')).toBe(true);
    expect(grants()).toEqual([
      { grant_type: 'refresh_token', refresh_token: 'refresh_canary_0', scope: 'labels' },
    ]);
    expect(tokens[0]?.headers.authorization).toBe(`Basic ${Buffer.from('app:secret').toString('base64')}`);
    expect(new Set(calls.map(({ headers }) => headers.authorization))).toEqual(
      new Set(['Bearer access_canary_1']),
    );
  });

  it('of a public client comes with its id alone', async () => {
    const { tokens, connect, grants } = await api(issue());
    await connect().request(post());
    expect(grants()).toEqual([
      { grant_type: 'refresh_token', refresh_token: 'refresh_canary_0', client_id: 'app' },
    ]);
    expect(tokens[0]?.headers).not.toHaveProperty('authorization');
  });

  it('is kept, or replaced by the new one that came with an access token', async () => {
    let nowMs = 0;
    const { connect, grants } = await api(
      issue((count) => (count === 2 ? { refresh_token: 'refresh_canary_2' } : {})),
    );
    const http = connect({ now: () => nowMs });
    for (let n = 0; n < 4; n += 1) {
      await http.request(post());
      nowMs += 200_000;
    }
    expect(grants().map(({ refresh_token }) => refresh_token)).toEqual([
      'refresh_canary_0',
      'refresh_canary_0',
      'refresh_canary_2',
      'refresh_canary_2',
    ]);
  });

  it('on a 401 gets a new access token, once, and the request is sent once again', async () => {
    const { tokens, calls, connect } = await api(issue(), (sent) => sent === 'Bearer access_canary_1');
    expect(await connect().request(post())).toMatchObject({ kind: 'ok' });
    expect([tokens.length, calls.length]).toEqual([2, 2]);
  });

  it('that is refused sends nothing, is asked for again the next time, and shows no secret', async () => {
    const { tokens, calls, connect } = await api((response, count, request) =>
      count === 1
        ? json(response, 400, { error: 'invalid_grant', error_description: `no ${request.body}` })
        : issue()(response, count, request),
    );
    const http = connect();
    const outcome = await http.request(post());
    expect(outcome).toMatchObject({ kind: 'misconfigured', code: 'token_refused' });
    expect(JSON.stringify(outcome)).not.toContain('canary');
    expect(calls).toEqual([]);
    expect(await http.request(post())).toMatchObject({ kind: 'ok' });
    expect(tokens).toHaveLength(2);
  });
});

describe('a token endpoint behind a guard', () => {
  it('that is down opens the breaker, and is then asked by probes alone', async () => {
    const { tokens, connect } = await api((response) => void response.socket?.destroy());
    const guard = createGuard({ provider: 'p', account: '', store: shared.store(), longestCallMs: 5_000 });
    onTestFinished(() => guard.close());
    const http = connect({ guard });
    for (let n = 0; n < 5; n += 1) {
      expect(await http.request(post())).toMatchObject({ kind: 'unavailable', code: 'token_unavailable' });
    }
    expect(await http.request(post())).toMatchObject({ kind: 'throttled', code: 'breaker_open' });
    expect(tokens).toHaveLength(5);
  });
});
