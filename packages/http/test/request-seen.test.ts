import { expect, it } from 'vitest';
import { bearer } from '../src/auth.ts';
import type { Guard } from '../src/index.ts';
import type { RequestSeen } from '../src/request-seen.ts';
import { client, post } from './clients.ts';
import { json, serveHttp, serveSocket } from './servers.ts';

const origin = (seen: RequestSeen[]) => ({
  ...{ runId: 'run_1', reference: 'run_1.1.ship', attempt: 1 },
  seen: (request: RequestSeen) => void seen.push(request),
});

it("tells of each request: whether it was sent, what came of it, the provider's id of it; no query and no body", async () => {
  const seen: RequestSeen[] = [];
  const { url } = await serveHttp(({ url: path }, response) =>
    path.includes('bad')
      ? json(response, 409, { code: 'no' }, { 'request-id': 'req_2' })
      : json(response, 200, { id: 'a' }, { 'request-id': 'req_1' }),
  );
  const http = client(url);
  await http.request(post({ origin: origin(seen), query: { token: 'secret' } }));
  await http.request(post({ origin: origin(seen), path: '/bad' }));
  const gone = client(await serveSocket((socket) => socket.destroy()));
  await gone.request(post({ origin: origin(seen) }));
  const nobody = client('http://127.0.0.1:1');
  await nobody.request(post({ origin: origin(seen) }));
  expect(seen).toMatchObject([
    { what: 'POST /things', sent: true, outcome: 'ok', status: 200, requestId: 'req_1' },
    { what: 'POST /bad', sent: true, outcome: 'rejected', status: 409, code: 'http_409', requestId: 'req_2' },
    { what: 'POST /things', sent: true, outcome: 'in_doubt' },
    { what: 'POST /things', sent: false, outcome: 'unavailable', code: 'connection_refused' },
  ]);
  for (const { durationMs } of seen) expect(durationMs).toBeGreaterThanOrEqual(0);
});

it('shows no credential and no mail address that stands in a path', async () => {
  const seen: RequestSeen[] = [];
  const { url } = await serveHttp((_, response) => json(response, 200, { id: 'a' }));
  const http = client(url, { auth: bearer('canary:secret/1') });
  await http.request(post({ origin: origin(seen), path: '/bot/canary%3Asecret%2F1/send' }));
  await http.request(post({ origin: origin(seen), path: '/people/ada%40example.com' }));
  await client('http://127.0.0.1:1', { auth: bearer('canary:secret/1') }).request(
    post({ origin: origin(seen), path: '/bot/canary:secret/1/send' }),
  );
  expect(seen).toHaveLength(3);
  expect(JSON.stringify(seen)).not.toMatch(/canary|ada/);
  expect(seen[0]?.what).toBe('POST /bot/[redacted]/send');
});

it('a URL that is itself the key does not come back in an error', async () => {
  const key = 'T00000000B00000000Canary0123';
  const { url } = await serveHttp(({ url: path }, response) => json(response, 404, { said: `no ${path}` }));
  const outcome = await client(`${url}/services/${key}`).request(post());
  expect(outcome.kind).not.toBe('ok');
  expect(JSON.stringify(outcome)).toContain('/services/[redacted]/things');
  expect(JSON.stringify(outcome)).not.toContain('Canary');
});

it('tells once of a request that a guard would not let through, and of one that it began anew', async () => {
  const seen: RequestSeen[] = [];
  const { url } = await serveHttp((_, response) => json(response, 200, { id: 'a' }));
  const shut: Guard = {
    through: async () => ({
      ...{ kind: 'throttled', code: 'breaker_open', message: 'nothing was sent', details: {} },
      ...{ retryAfterMs: 1, unsent: true },
    }),
    close: async () => {},
  };
  await client(url, { guard: shut }).request(post({ origin: origin(seen) }));
  const twice: Guard = {
    through: async (_call, send) => {
      await send(() => false);
      return send(() => true);
    },
    close: async () => {},
  };
  await client(url, { guard: twice }).request(post({ origin: origin(seen) }));
  expect(seen).toMatchObject([
    { sent: false, outcome: 'throttled', code: 'breaker_open' },
    { sent: true, outcome: 'ok', status: 200 },
  ]);
});
