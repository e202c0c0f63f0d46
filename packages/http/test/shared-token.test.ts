import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createSealer } from '@holdfast/redis';
import { OAuth2Server } from 'oauth2-mock-server';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type OAuthRefreshToken, oauthClientCredentials, oauthRefreshToken } from '../src/oauth.ts';
import { redisTokens } from '../src/shared/kept-tokens.ts';
import { sharedToken } from '../src/shared-token.ts';
import { client, post } from './clients.ts';
import { json, serveHttp } from './servers.ts';
import { sharedRedis } from './shared-redis.ts';

const shared = sharedRedis();
const KEYS = `k1:${randomBytes(32).toString('base64')}`;
const kept = (keys = KEYS) => redisTokens({ connection: shared.connection(), sealer: createSealer(keys) });

/**
 * An API whose token server keeps one live access token, and one refresh token that is good once: whoever uses it again has everything
 * revoked, as servers do that take it for stolen.
 */
async function strictServer() {
  let live = '';
  let refresh = 'refresh_0';
  let revoked = false;
  let issued = 0;
  let slowMs = 0;
  const { url } = await serveHttp(async (request, response) => {
    if (request.url !== '/token')
      return json(response, request.headers.authorization === `Bearer ${live}` ? 200 : 401, { id: 'a' });
    const form = new URLSearchParams(request.body);
    if (slowMs > 0) await new Promise((resolve) => setTimeout(resolve, slowMs));
    if (form.get('grant_type') === 'refresh_token' && form.get('refresh_token') !== refresh) revoked = true;
    if (revoked) return json(response, 400, { error: 'invalid_grant' });
    issued += 1;
    live = `access_${issued}`;
    refresh = `refresh_${issued}`;
    const rotated = form.get('grant_type') === 'refresh_token' ? { refresh_token: refresh } : {};
    json(response, 200, { access_token: live, token_type: 'Bearer', expires_in: 3600, ...rotated });
  });
  return {
    url,
    seen: () => ({ issued, revoked }),
    expire: () => {
      live = 'nobody has it';
    },
    slow: (ms: number) => {
      slowMs = ms;
    },
    /** A worker with nothing in its memory. */
    worker: (more: Partial<OAuthRefreshToken> = {}) =>
      client(url, {
        auth: oauthRefreshToken({
          ...{ tokenUrl: `${url}/token`, clientId: 'app', refreshToken: 'refresh_0', kept: kept() },
          ...more,
        }),
      }),
  };
}

describe('a token that is kept for all', () => {
  it('is asked for once, however many processes need it', async () => {
    const server = await strictServer();
    server.slow(50);
    const workers = Array.from({ length: 8 }, () => server.worker());
    const outcomes = await Promise.all(workers.map((worker) => worker.request(post())));
    expect(outcomes.map(({ kind }) => kind)).toEqual(Array(8).fill('ok'));
    expect(server.seen()).toEqual({ issued: 1, revoked: false });
  });

  it('is renewed by one of them when it is refused, and the rotated refresh token is never used twice', async () => {
    const server = await strictServer();
    const workers = Array.from({ length: 5 }, () => server.worker());
    for (let round = 1; round <= 4; round += 1) {
      const outcomes = await Promise.all(workers.map((worker) => worker.request(post())));
      expect(outcomes.map(({ kind }) => kind)).toEqual(Array(5).fill('ok'));
      expect(server.seen()).toEqual({ issued: round, revoked: false });
      server.expire();
    }
  });

  it('survives a restart of all processes', async () => {
    const server = await strictServer();
    await server.worker().request(post());
    server.expire();
    expect(await server.worker().request(post())).toMatchObject({ kind: 'ok' });
    expect(server.seen()).toEqual({ issued: 2, revoked: false });
  });

  it('stands encrypted in Redis, and opens with a key that was first before', async () => {
    const server = await strictServer();
    await server.worker().request(post());
    const [key = ''] = await shared.connection().keys('{hf0}/token/*');
    const text = await shared.connection().get(key);
    expect(text).toMatch(/^v1\.k1\./);
    expect(text).not.toMatch(/access_|refresh_/);
    const rotated = `k2:${randomBytes(32).toString('base64')},${KEYS}`;
    await server.worker({ kept: kept(rotated) }).request(post());
    expect(server.seen().issued).toBe(1);
    const strange = kept(`k1:${randomBytes(32).toString('base64')}`);
    expect(await server.worker({ kept: strange }).request(post())).toMatchObject({
      kind: 'unavailable',
      code: 'token_unavailable',
    });
  });

  it('is not held up for good by a process that died while it renewed it', async () => {
    const server = await strictServer();
    const worker = server.worker({ timeoutMs: 100 });
    const [, lock] = await Promise.all([
      server.worker().request(post()),
      new Promise<string>((resolve) =>
        setTimeout(async () => {
          const [key = ''] = await shared.connection().keys('{hf0}/token/*');
          resolve(key.replace('/token/', '/token-lock/'));
        }, 300),
      ),
    ]);
    server.expire();
    await shared.connection().set(lock, 'the dead', 'PX', 400);
    expect(await worker.request(post())).toMatchObject({ kind: 'ok' });
  });

  it('of a process that was too slow for its lock does not take the place of a later one', async () => {
    const [slow, fast] = [kept(), kept()];
    const asks = (value: string, ms: number) =>
      sharedToken(
        {
          requestToken: async () => {
            await new Promise((resolve) => setTimeout(resolve, ms));
            return {
              outcome: 'obtained',
              token: { value, lifeMs: 60_000, refreshToken: `refresh of ${value}` },
            };
          },
          secrets: () => [],
          close: async () => {},
        },
        value === 'late' ? slow : fast,
        { scope: 'a', longestMs: 50 },
      ).requestToken();
    const late = asks('late', 600);
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(await asks('good', 0)).toMatchObject({ token: { value: 'good' } });
    expect(await late).toMatchObject({ token: { value: 'good' } });
    expect(await kept().read('a')).toMatchObject({ value: 'good', refreshToken: 'refresh of good' });
  });

  it('has a lock that only its owner gives back, and the later of two owners counts', async () => {
    const tokens = kept();
    const first = await tokens.lock('b', 'one', 30);
    expect(await tokens.lock('b', 'one', 30)).toBe(first);
    expect(await tokens.lock('b', 'two', 30)).toBeUndefined();
    await new Promise((resolve) => setTimeout(resolve, 60));
    const second = await tokens.lock('b', 'two', 5_000);
    await tokens.unlock('b', 'one');
    expect(await tokens.lock('b', 'three', 5_000)).toBeUndefined();
    expect(await tokens.write('b', { value: 'x' }, second ?? 0)).toBe(true);
    expect(await tokens.write('b', { value: 'y' }, first ?? 0)).toBe(false);
    for (const key of await shared.connection().keys('*'))
      expect(await shared.connection().pttl(key), key).toBeGreaterThan(0);
  });

  it('of client credentials is shared as well', async () => {
    const server = await strictServer();
    const worker = () =>
      client(server.url, {
        auth: oauthClientCredentials({
          ...{ tokenUrl: `${server.url}/token`, clientId: 'app', clientSecret: 's', kept: kept() },
        }),
      });
    for (const _ of [1, 2, 3]) expect(await worker().request(post())).toMatchObject({ kind: 'ok' });
    expect(server.seen().issued).toBe(1);
  });
});

describe('a token server of somebody else', () => {
  async function mockServer() {
    const server = new OAuth2Server();
    await server.issuer.keys.generate('RS256');
    await server.start(0, '127.0.0.1');
    onTestFinished(() => server.stop());
    const asked: { body: Record<string, string>; authorization: string | undefined }[] = [];
    server.service.on('beforeResponse', (_response, request) => {
      const { body, headers } = request as unknown as {
        body: Record<string, string>;
        headers: Record<string, string | undefined>;
      };
      asked.push({ body: { ...body }, authorization: headers.authorization });
    });
    const { url } = await serveHttp((request, response) =>
      json(response, /^Bearer eyJ/.test(request.headers.authorization ?? '') ? 200 : 401, { id: 'a' }),
    );
    return { tokenUrl: `${server.issuer.url}/token`.replace('localhost', '127.0.0.1'), asked, url };
  }

  it('takes the secret in a header or in the form, and more parameters', async () => {
    const { tokenUrl, asked, url } = await mockServer();
    const base = {
      tokenUrl,
      clientId: 'app',
      clientSecret: 's3cret',
      parameters: { audience: 'https://api' },
    };
    for (const clientAuth of ['basic', 'post'] as const)
      expect(
        await client(url, { auth: oauthClientCredentials({ ...base, clientAuth }) }).request(post()),
      ).toMatchObject({
        kind: 'ok',
      });
    expect(asked[0]).toMatchObject({
      authorization: expect.stringMatching(/^Basic /),
      body: { audience: 'https://api' },
    });
    expect(asked[1]).toMatchObject({
      authorization: undefined,
      body: { client_id: 'app', client_secret: 's3cret' },
    });
  });

  it('takes a signed assertion instead of a secret', async () => {
    const { tokenUrl, asked, url } = await mockServer();
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const key = privateKey.export({ format: 'pem', type: 'pkcs8' }) as string;
    const auth = oauthClientCredentials({
      ...{ tokenUrl, clientId: 'app' },
      clientAuth: { privateKeyJwt: { key, algorithm: 'ES256', keyId: 'k' } },
    });
    expect(await client(url, { auth }).request(post())).toMatchObject({ kind: 'ok' });
    expect(asked[0]?.body).toMatchObject({
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: expect.stringMatching(/^eyJ/),
    });
  });
});
