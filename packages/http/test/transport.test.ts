import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { bearer } from '../src/auth.ts';
import { proxyOf } from '../src/proxy.ts';
import { createGuard } from '../src/shared/guard.ts';
import { client, post } from './clients.ts';
import { json, serveHttp, serveSocket } from './servers.ts';
import { sharedRedis } from './shared-redis.ts';

const shared = sharedRedis();

const ANSWER = JSON.stringify({ id: 'a' });

describe('a body', () => {
  it('is asked for as it is', async () => {
    const { url, received } = await serveHttp((_, response) => response.end());
    await client(url).request(post({ schema: z.any() }));
    expect(received[0]?.headers['accept-encoding']).toBe('identity');
  });

  it.each([
    ['gzip', gzipSync(ANSWER)],
    ['br', brotliCompressSync(ANSWER)],
    ['deflate', deflateSync(ANSWER)],
    ['deflate', deflateRawSync(ANSWER)],
    ['gzip, br', brotliCompressSync(gzipSync(ANSWER))],
  ])('that comes as %s all the same is read', async (encoding, bytes) => {
    const { url } = await serveHttp((_, response) =>
      response
        .writeHead(200, { 'content-type': 'application/json', 'content-encoding': encoding })
        .end(bytes),
    );
    expect(await client(url).request(post())).toMatchObject({ kind: 'ok', value: { id: 'a' } });
  });

  it.each([
    ['stands for too much', 'gzip', gzipSync(Buffer.alloc(1_000_000)), 'response_too_large'],
    ['is not what it says', 'gzip', Buffer.from('no gzip'), 'response_malformed'],
    ['nobody can read', 'zstd', Buffer.from('?'), 'response_encoding_unknown'],
  ])('that %s leaves the effect in doubt', async (_what, encoding, bytes, code) => {
    const { url } = await serveHttp((_, response) =>
      response
        .writeHead(200, { 'content-type': 'application/json', 'content-encoding': encoding })
        .end(bytes),
    );
    expect(await client(url).request(post())).toMatchObject({ kind: 'in_doubt', code });
  });

  it.each([
    ['text', { text: '<a>ä</a>', type: 'application/xml; charset=utf-8' }, '<a>ä</a>', /^application\/xml/],
    ['bytes', { bytes: Buffer.from('PDF'), type: 'application/pdf' }, 'PDF', /^application\/pdf$/],
    ['a form', { form: { a: '1 2' } }, 'a=1+2', /urlencoded/],
  ] as const)('of %s is sent', async (_what, body, sent, type) => {
    const { url, received } = await serveHttp((_, response) => response.end());
    await client(url).request(post({ body, schema: z.any() }));
    expect(received[0]).toMatchObject({
      body: sent,
      headers: { 'content-type': expect.stringMatching(type) },
    });
  });

  it('of several parts is sent, as the same bytes each time', async () => {
    const { url, received } = await serveHttp((_, response) => response.end());
    const multipart = [
      { name: 'amount', content: '12' },
      { name: 'file', content: Buffer.from('x'), filename: 'a "b".pdf', type: 'application/pdf' },
    ];
    for (const _ of [1, 2]) await client(url).request(post({ body: { multipart }, schema: z.any() }));
    const [first, second] = received;
    expect(second?.body).toBe(first?.body);
    const boundary = /^multipart\/form-data; boundary=(\S+)$/.exec(first?.headers['content-type'] ?? '')?.[1];
    expect(first?.body).toBe(
      [
        ...[`--${boundary}`, 'Content-Disposition: form-data; name="amount"', '', '12'],
        ...[`--${boundary}`, 'Content-Disposition: form-data; name="file"; filename="a %22b%22.pdf"'],
        ...['Content-Type: application/pdf', '', 'x', `--${boundary}--`, ''],
      ].join('\r\n'),
    );
  });

  it('may be text or bytes, whatever its type', async () => {
    const { url } = await serveHttp((_, response) =>
      response.writeHead(200, { 'content-type': 'text/xml' }).end('<ok/>'),
    );
    const http = client(url);
    const text = await http.request({ ...post(), schema: z.string(), expects: 'text' });
    expect(text).toMatchObject({ kind: 'ok', value: '<ok/>' });
    const bytes = await http.request({ ...post(), schema: z.instanceof(Buffer), expects: 'bytes' });
    expect(bytes).toMatchObject({ kind: 'ok', value: Buffer.from('<ok/>') });
  });

  it('that is a page is not from the provider, unless a page is what is wanted', async () => {
    const { url } = await serveHttp((_, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Log in</h1>'),
    );
    const http = client(url);
    const text = await http.request({ ...post(), schema: z.string(), expects: 'text' });
    expect(text).toMatchObject({ kind: 'misconfigured', code: 'not_from_provider', mayHaveHappened: true });
    const page = await http.request({ ...post(), schema: z.string(), expects: 'html' });
    expect(page).toMatchObject({ kind: 'ok', value: '<h1>Log in</h1>' });
  });
});

describe('an interim answer that nobody asked for', () => {
  const FINAL = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${ANSWER.length}\r\n\r\n${ANSWER}`;
  const CONTINUE = 'HTTP/1.1 100 Continue\r\n\r\n';
  it.each([
    ['in one piece', [CONTINUE + FINAL]],
    ['by itself', [CONTINUE, FINAL]],
    ['with headers', ['HTTP/1.1 100 Continue\r\nx-a: b\r\n\r\n', FINAL]],
    ['twice', [CONTINUE + CONTINUE, FINAL]],
    ['byte by byte', [...(CONTINUE + FINAL)]],
    ['and hints as well', [`${CONTINUE}HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n`, FINAL]],
  ])('is no doubt: 100 Continue %s', async (_what, pieces) => {
    const url = await serveSocket((socket) =>
      socket.on('data', async () => {
        for (const piece of pieces) {
          socket.write(piece);
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      }),
    );
    const http = client(url);
    // the second time over the connection of the first
    for (const _ of [1, 2])
      expect(await http.request(post())).toMatchObject({ kind: 'ok', value: { id: 'a' } });
  });

  it('is no doubt before the first request either', async () => {
    const url = await serveSocket((socket) => {
      socket.write(CONTINUE);
      socket.on('data', () => socket.write(FINAL));
    });
    const http = client(url);
    for (const _ of [1, 2])
      expect(await http.request(post())).toMatchObject({ kind: 'ok', value: { id: 'a' } });
  });

  it('in a body is part of it', async () => {
    const body = JSON.stringify({ id: 'HTTP/1.1 100 Continue\r\n\r\n' });
    const url = await serveSocket((socket) =>
      socket.on('data', () => {
        socket.write(
          `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`,
        );
        setTimeout(() => socket.write(body), 5);
      }),
    );
    expect(await client(url).request(post())).toMatchObject({ kind: 'ok' });
  });
});

describe('credentials', () => {
  it.each(['http://api.example.com', 'http://10.0.0.1', 'http://payments'])('never go to %s', (baseUrl) => {
    expect(() => client(baseUrl, { auth: bearer('sk_canary') })).toThrow(/plain http/);
    expect(() => client(baseUrl, { auth: bearer('sk_canary') })).not.toThrow(/canary/);
  });

  it('go to this machine, and where somebody has said that nobody else listens', () => {
    for (const baseUrl of [
      'http://127.0.0.1:1',
      'http://localhost:1',
      'http://[::1]:1',
      'https://api.example.com',
    ])
      client(baseUrl, { auth: bearer('sk') });
    client('http://payments:1', { auth: bearer('sk'), plaintextHosts: ['payments'] });
  });
});

describe('over TLS', () => {
  const dir = mkdtempSync(join(tmpdir(), 'holdfast-tls-'));
  const file = (name: string) => join(dir, name);
  const pem = (name: string) => readFileSync(file(name), 'utf8');
  const open = new Set<Server>();

  beforeAll(() => {
    const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' });
    const san = ['-addext', 'subjectAltName=IP:127.0.0.1'];
    const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '1'];
    openssl(
      'req',
      '-x509',
      ...fresh,
      '-subj',
      '/CN=ca',
      ...san,
      '-keyout',
      file('key.pem'),
      '-out',
      file('ca.pem'),
    );
  });
  afterAll(() => {
    for (const server of open) server.close();
    rmSync(dir, { recursive: true });
  });

  /** An HTTPS server whose connections take so long to make. */
  async function slowToConnect(afterMs: number) {
    let connections = 0;
    let requests = 0;
    const inner = createHttpsServer({ key: pem('key.pem'), cert: pem('ca.pem') }, (_, response) => {
      requests += 1;
      response.writeHead(200, { 'content-type': 'application/json' }).end(ANSWER);
    });
    await new Promise<void>((resolve) => inner.listen(0, '127.0.0.1', resolve));
    const sockets = new Set<Socket>();
    const outer = createServer((socket) => {
      connections += 1;
      sockets.add(socket);
      socket.on('error', () => {});
      setTimeout(() => {
        const upstream = connect((inner.address() as AddressInfo).port, '127.0.0.1');
        upstream.on('error', () => {});
        sockets.add(upstream);
        socket.pipe(upstream).pipe(socket);
      }, afterMs);
    });
    await new Promise<void>((resolve) => outer.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      outer.close();
      inner.close();
    });
    const url = `https://127.0.0.1:${(outer.address() as AddressInfo).port}`;
    return { url, seen: () => ({ connections, requests }) };
  }

  it('ten calls over connections that take longer than a permit holds make ten connections, each used', async () => {
    const { url, seen } = await slowToConnect(400);
    const guard = createGuard({ provider: 'p', account: url, store: shared.store(), longestCallMs: 5_000 });
    onTestFinished(() => guard.close());
    const http = client(url, { guard, tls: { ca: pem('ca.pem') }, connectTimeoutMs: 5_000 });
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => http.request(post())));
    expect(outcomes.map(({ kind }) => kind)).toEqual(Array(10).fill('ok'));
    expect(seen()).toEqual({ connections: 10, requests: 10 });
    await http.request(post());
    expect(seen().connections).toBe(10);
  });

  it('a certificate that nobody vouches for is named, and nothing is sent', async () => {
    const { url, seen } = await slowToConnect(0);
    const outcome = await client(url).request(post());
    expect(outcome).toMatchObject({ kind: 'unavailable', code: 'certificate_not_trusted', unsent: true });
    expect(outcome.kind === 'unavailable' && outcome.message).toContain('certificate cannot be verified');
    expect(seen().requests).toBe(0);
  });
});

describe('through a proxy', () => {
  const LOGIN = `Basic ${Buffer.from('user:right').toString('base64')}`;

  /** Takes one login, and leads wherever it is told to. */
  async function serveProxy(to: string, { afterMs = 0, silent = false } = {}) {
    const asked: string[] = [];
    const sockets = new Set<Socket>();
    const proxy = createHttpServer();
    proxy.on('connect', (request, socket: Socket) => {
      asked.push(request.url ?? '');
      sockets.add(socket);
      socket.on('error', () => {});
      if (silent) return;
      if (request.headers['proxy-authorization'] !== LOGIN)
        return void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n');
      const upstream = connect(Number(new URL(to).port), '127.0.0.1', () => {
        sockets.add(upstream);
        setTimeout(() => {
          socket.write('HTTP/1.1 200 OK\r\n\r\n');
          upstream.pipe(socket).pipe(upstream);
        }, afterMs);
      });
      upstream.on('error', () => {});
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      for (const socket of sockets) socket.destroy();
      proxy.close();
    });
    const at = `127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    return { asked, as: (login: string) => `http://${login}@${at}` };
  }

  it('with credentials that it takes, and those that it does not', async () => {
    const { url } = await serveHttp((_, response) => json(response, 200, { id: 'a' }));
    const { asked, as } = await serveProxy(url);
    expect(await client(url, { proxy: as('user:right') }).request(post())).toMatchObject({ kind: 'ok' });
    const refused = await client(url, { proxy: as('user:wrong') }).request(post());
    expect(refused).toMatchObject({ kind: 'misconfigured', code: 'proxy_credentials_refused' });
    expect(asked).toEqual([new URL(url).host, new URL(url).host]);
  });

  it('that takes longer than a permit holds, ten calls make ten tunnels, each used', async () => {
    const { url, received } = await serveHttp((_, response) => json(response, 200, { id: 'a' }));
    const { asked, as } = await serveProxy(url, { afterMs: 400 });
    const guard = createGuard({ provider: 'p', account: url, store: shared.store(), longestCallMs: 5_000 });
    onTestFinished(() => guard.close());
    const http = client(url, { guard, proxy: as('user:right'), connectTimeoutMs: 5_000 });
    const outcomes = await Promise.all(Array.from({ length: 10 }, () => http.request(post())));
    expect(outcomes.map(({ kind }) => kind)).toEqual(Array(10).fill('ok'));
    expect([asked.length, received.length]).toEqual([10, 10]);
  });

  it('that takes the connection and says nothing, a call is given up, and nothing was sent', async () => {
    const { as } = await serveProxy('http://127.0.0.1:1', { silent: true });
    const http = client('https://api.example.com', { proxy: as('user:right'), connectTimeoutMs: 300 });
    expect(await http.request(post())).toMatchObject({
      ...{ kind: 'unavailable', code: 'connect_timeout', unsent: true },
    });
  });

  it('an interim answer that nobody asked for is no doubt', async () => {
    const answer = `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${ANSWER.length}\r\n\r\n${ANSWER}`;
    const url = await serveSocket((socket) => {
      socket.write('HTTP/1.1 100 Continue\r\n\r\n');
      socket.on('data', () => socket.write(`HTTP/1.1 100 Continue\r\n\r\n${answer}`));
    });
    const { as } = await serveProxy(url);
    const http = client(url, { proxy: as('user:right') });
    for (const _ of [1, 2]) expect(await http.request(post())).toMatchObject({ kind: 'ok' });
  });

  it('that the environment names, but for the hosts that it spares', () => {
    const env = {
      HTTPS_PROXY: 'http://proxy:1',
      NO_PROXY: 'a.example, .b.example,*.c.example d.example:8443',
    };
    const through = (url: string) => proxyOf(new URL(url), env) !== undefined;
    const proxied = ['https://x.example', 'https://x.a.example', 'https://d.example', 'https://bb.example'];
    const spared = [
      'https://a.example',
      'https://x.b.example',
      'https://x.c.example',
      'https://d.example:8443',
    ];
    expect(proxied.filter(through)).toEqual(proxied);
    expect(spared.filter(through)).toEqual([]);
    for (const url of ['https://127.0.0.1', 'https://localhost', 'http://x.example'])
      expect(through(url), url).toBe(false);
    expect(proxyOf(new URL('https://x.example'), { ...env, NO_PROXY: '*' })).toBeUndefined();
  });
});
