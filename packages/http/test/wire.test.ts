import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { z } from 'zod';
import { client, post } from './clients.ts';
import { json, serveBytes, serveHttp, serveSocket } from './servers.ts';

/** What was seen on real connections; each line is a way that a provider or a network really misbehaves. */
describe('before anything is sent', () => {
  it('a port where nobody listens', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    server.close();
    await once(server, 'close');
    const port = typeof address === 'object' ? address?.port : undefined;
    const outcome = await client(`http://127.0.0.1:${port}`).request(post());
    expect(outcome).toMatchObject({ kind: 'unavailable', code: 'connection_refused' });
  });

  it('a name that does not exist', async () => {
    const outcome = await client('http://shop.invalid').request(post());
    expect(outcome).toMatchObject({ kind: 'unavailable', code: 'host_not_found' });
  });

  it('a server that takes no TLS', async () => {
    const url = await serveSocket((socket) => socket.end('hello'));
    const outcome = await client(url.replace('http:', 'https:')).request(post());
    expect(outcome).toMatchObject({ kind: 'unavailable', code: 'tls_failed' });
  });

  it('a TLS handshake that never ends', async () => {
    const url = await serveSocket(() => {});
    const outcome = await client(url.replace('http:', 'https:'), { connectTimeoutMs: 50 }).request(post());
    expect(outcome).toMatchObject({ kind: 'unavailable', code: 'connect_timeout' });
  });

  it('a connection that is reset while it is made', async () => {
    const url = await serveSocket((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const outcome = await client(url.replace('http:', 'https:')).request(post());
    expect(outcome).toMatchObject({ kind: 'unavailable', code: 'connection_reset' });
  });

  it('a signal that is aborted already', async () => {
    const { url, received } = await serveHttp((_, response) => json(response, 200, { id: 'a' }));
    const outcome = await client(url).request(post({ signal: AbortSignal.abort() }));
    expect(outcome).toMatchObject({ kind: 'unavailable', code: 'aborted' });
    expect(received).toEqual([]);
  });

  it('a signal that is aborted while connecting: at once, and nothing is sent later', async () => {
    const abort = new AbortController();
    let bytes = '';
    const url = await serveSocket((socket) => {
      socket.on('data', (chunk) => {
        bytes += chunk.toString('latin1');
      });
      abort.abort();
    });
    const http = client(url.replace('http:', 'https:'), { connectTimeoutMs: 50 });
    const outcome = await http.request(post({ signal: abort.signal }));
    expect(outcome).toMatchObject({ kind: 'unavailable', code: 'aborted' });
    expect(bytes).not.toContain('POST');
  });

  it('a signal that is aborted just before the connection is there: not a byte follows', async () => {
    let bytes = 0;
    let closed = false;
    const url = await serveSocket((socket) => {
      socket.on('data', (chunk) => {
        bytes += chunk.length;
      });
      socket.once('close', () => {
        closed = true;
      });
    });
    const abort = new AbortController();
    const http = client(url);
    const sending = http.request(post({ signal: abort.signal }));
    abort.abort();
    expect(await sending).toMatchObject({ kind: 'unavailable', code: 'aborted' });
    // the connection is kept for the next call, until there can be none
    await http.close();
    await expect.poll(() => closed).toBe(true);
    expect(bytes).toBe(0);
  });

  it('a client that is closed', async () => {
    const http = client('http://127.0.0.1:9');
    await http.close();
    expect(await http.request(post())).toMatchObject({ kind: 'unavailable', code: 'client_closed' });
  });
});

describe('after the request was sent', () => {
  it('a reset', async () => {
    const url = await serveSocket((socket) => socket.once('data', () => socket.resetAndDestroy()));
    expect(await client(url).request(post())).toMatchObject({ kind: 'in_doubt', code: 'connection_reset' });
  });

  it('a quiet end', async () => {
    const url = await serveSocket((socket) => socket.once('data', () => socket.end()));
    expect(await client(url).request(post())).toMatchObject({ kind: 'in_doubt', code: 'connection_lost' });
  });

  it('nothing at all', async () => {
    const url = await serveSocket(() => {});
    const outcome = await client(url, { headersTimeoutMs: 50 }).request(post());
    expect(outcome).toMatchObject({ kind: 'in_doubt', code: 'headers_timeout' });
  });

  it('a head that drips and never ends', async () => {
    const url = await serveSocket((socket) =>
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\nx-slow: ');
        const drip = setInterval(() => socket.write('.'), 5);
        socket.once('close', () => clearInterval(drip));
      }),
    );
    const outcome = await client(url, { headersTimeoutMs: 100 }).request(post());
    expect(outcome).toMatchObject({ kind: 'in_doubt', code: 'headers_timeout' });
  });

  it('a body that drips and never ends', async () => {
    const url = await serveSocket((socket) =>
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9999\r\n\r\n{');
        const drip = setInterval(() => socket.write(' '), 5);
        socket.once('close', () => clearInterval(drip));
      }),
    );
    const outcome = await client(url, { bodyTimeoutMs: 100 }).request(post());
    expect(outcome).toMatchObject({ kind: 'in_doubt', code: 'body_timeout', details: { status: 200 } });
  });

  it.each([
    ['garbage', 'SSH-2.0-OpenSSH_9\r\n\r\n', 'response_malformed'],
    [
      'two lengths',
      'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}',
      'response_malformed',
    ],
    ['a head of 40 KB', `HTTP/1.1 200 OK\r\nx: ${'y'.repeat(40_000)}\r\n\r\n`, 'response_malformed'],
    [
      'less than its length',
      'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{"id"',
      'response_truncated',
    ],
    [
      'a chunk missing',
      'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n3\r\n{"i\r\n',
      'response_truncated',
    ],
    [
      'no length, cut off',
      'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{"id": "a',
      'response_not_json',
    ],
  ])('%s', async (_what, bytes, code) => {
    const url = await serveBytes(bytes);
    expect(await client(url).request(post())).toMatchObject({ kind: 'in_doubt', code });
  });

  it('an abort', async () => {
    const abort = new AbortController();
    const url = await serveSocket((socket) => socket.once('data', () => abort.abort()));
    const outcome = await client(url).request(post({ signal: abort.signal }));
    expect(outcome).toMatchObject({ kind: 'in_doubt', code: 'aborted' });
  });

  it('an abort in the middle of the body; the connection goes with it', async () => {
    const abort = new AbortController();
    let closed = false;
    const url = await serveSocket((socket) => {
      socket.once('close', () => {
        closed = true;
      });
      socket.once('data', () => {
        socket.write('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{');
        setImmediate(() => abort.abort());
      });
    });
    const outcome = await client(url).request(post({ signal: abort.signal }));
    expect(outcome).toMatchObject({ kind: 'in_doubt', code: 'aborted' });
    await expect.poll(() => closed).toBe(true);
  });

  it('early hints are no answer', async () => {
    const url = await serveBytes(
      'HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 201 Created\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n{"id":"a"}',
    );
    expect(await client(url).request(post())).toMatchObject({ kind: 'ok', value: { id: 'a' }, status: 201 });
  });
});

describe('answers of a size', () => {
  it('100 MB without a length: stopped at the limit', async () => {
    let written = 0;
    const { url } = await serveHttp((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const chunk = Buffer.alloc(64 * 1024, ' ');
      const more = () => {
        while (!response.destroyed && written < 100_000_000) {
          written += chunk.length;
          if (!response.write(chunk)) return void response.once('drain', more);
        }
        response.end();
      };
      more();
    });
    const before = process.memoryUsage().arrayBuffers;
    const outcome = await client(url, { maxResponseBytes: 1_000_000 }).request(post());
    expect(outcome).toMatchObject({ kind: 'in_doubt', code: 'response_too_large' });
    expect(written).toBeLessThan(20_000_000);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(20_000_000);
  });

  it('a length beyond the limit: not waited for', async () => {
    const url = await serveSocket((socket) =>
      socket.once('data', () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000001\r\n\r\n')),
    );
    expect(await client(url).request(post())).toMatchObject({ kind: 'in_doubt', code: 'response_too_large' });
  });

  it('exactly the limit is fine', async () => {
    const body = JSON.stringify({ id: 'x'.repeat(100) });
    const { url } = await serveHttp((_, response) => json(response, 200, JSON.parse(body)));
    const http = client(url, { maxResponseBytes: body.length });
    expect(await http.request(post())).toMatchObject({ kind: 'ok' });
  });

  it('a refusal too large to be read is in doubt', async () => {
    const { url } = await serveHttp((_, response) => json(response, 402, { text: 'x'.repeat(500_000) }));
    expect(await client(url).request(post())).toMatchObject({ kind: 'in_doubt', code: 'http_402' });
  });
});

describe('one request is one request', () => {
  it.each([301, 302, 303, 307, 308])('a %i is not followed', async (status) => {
    const { url, received } = await serveHttp((_, response) =>
      response.writeHead(status, { location: '/elsewhere' }).end(),
    );
    expect(await client(url).request(post())).toMatchObject({
      kind: status === 303 ? 'in_doubt' : 'misconfigured',
      code: 'unexpected_redirect',
    });
    expect(received).toHaveLength(1);
  });

  it.each([429, 500, 503])('a %i is not tried again, not even when it says when', async (status) => {
    const { url, received } = await serveHttp((_, response) =>
      json(response, status, {}, { 'retry-after': '0' }),
    );
    await client(url).request(post({ method: 'GET' }));
    expect(received).toHaveLength(1);
  });

  it('a GET that is cut off is not tried again', async () => {
    let connections = 0;
    const url = await serveSocket((socket) => {
      connections++;
      socket.once('data', () => socket.resetAndDestroy());
    });
    const outcome = await client(url).request(post({ method: 'GET' }));
    expect(outcome).toMatchObject({ kind: 'unavailable', code: 'connection_reset' });
    expect(connections).toBe(1);
  });

  it('calls one right after the other go over one connection', async () => {
    let connections = 0;
    const server = createHttpServer((_, response) => response.end('{"id":"a"}'));
    server.on('connection', () => {
      connections += 1;
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      server.closeAllConnections();
      server.close();
    });
    const { port } = server.address() as AddressInfo;
    const http = client(`http://127.0.0.1:${port}`);
    for (let n = 0; n < 5; n += 1) await http.request(post({ schema: z.any() }));
    expect(connections).toBe(1);
  });

  it('a connection is used again, and one that the server has ended meanwhile is not', async () => {
    const sockets = new Set<Socket | null>();
    const { url } = await serveHttp((_, response) => {
      sockets.add(response.socket);
      json(response, 200, { id: 'a' });
    });
    const http = client(url);
    expect(await http.request(post())).toMatchObject({ kind: 'ok' });
    const [first] = sockets;
    const ended = first && once(first, 'close');
    first?.end();
    await ended;
    for (let n = 0; n < 3; n++) expect(await http.request(post())).toMatchObject({ kind: 'ok' });
    expect(sockets.size).toBe(2);
  });
});
