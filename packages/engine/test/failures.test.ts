import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import axios from 'axios';
import { request as gaxios } from 'gaxios';
import got from 'got';
import ky from 'ky';
import { createTransport } from 'nodemailer';
import pg from 'pg';
import Stripe from 'stripe';
import { afterEach, describe, expect, it } from 'vitest';
import { failureOf, outcomeOf } from '../src/index.ts';

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

async function http(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function tcp(talk: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    talk(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

/** A port at which nobody listens. */
async function closedPort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const answers =
  (status: number, body = '{}', headers: Record<string, string> = {}): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(body);
  };
const resets: RequestListener = (request) => request.socket.resetAndDestroy();
const hangs: RequestListener = () => {};

async function thrownBy(call: () => Promise<unknown>) {
  try {
    await call();
  } catch (error) {
    return failureOf(error);
  }
  throw new Error('it did not throw');
}

type Post = (url: string, timeoutMs?: number) => Promise<unknown>;

const CLIENTS: Record<string, Post> = {
  fetch: async (url, timeoutMs = 5_000) => {
    const response = await fetch(url, { method: 'POST', body: '{}', signal: AbortSignal.timeout(timeoutMs) });
    const failure = await outcomeOf(response);
    if (failure) throw failure;
  },
  axios: (url, timeout = 5_000) => axios.post(url, {}, { timeout, proxy: false, maxRedirects: 0 }),
  got: (url, request = 5_000) =>
    got.post(url, { json: {}, timeout: { request }, followRedirect: false }).json(),
  ky: (url, timeout = 5_000) => ky.post(url, { json: {}, timeout, redirect: 'manual' }).json(),
  gaxios: (url, timeout = 5_000) =>
    gaxios({ url, method: 'POST', data: {}, timeout, retryConfig: { retry: 0 } }),
};

describe.each(Object.entries(CLIENTS))('%s', (_name, post) => {
  it('a closed port: unavailable, nothing was sent', async () => {
    const port = await closedPort();
    expect(await thrownBy(() => post(`http://127.0.0.1:${port}`))).toMatchObject({
      kind: 'unavailable',
      code: 'connection_refused',
      details: { unsent: true },
    });
  });

  it('a name that no address is found for: unavailable', async () => {
    const failure = await thrownBy(() => post('http://nowhere.invalid'));
    expect(failure).toMatchObject({
      kind: 'unavailable',
      code: expect.stringMatching(/^host_not_(found|resolved)$/),
    });
  });

  it('a reset: in doubt', async () => {
    const url = await http(resets);
    expect(await thrownBy(() => post(url))).toMatchObject({ kind: 'in_doubt' });
  });

  it('a time-out: in doubt', async () => {
    const url = await http(hangs);
    expect(await thrownBy(() => post(url, 50))).toMatchObject({ kind: 'in_doubt' });
  });

  it.each([
    [400, 'rejected'],
    [401, 'misconfigured'],
    [403, 'misconfigured'],
    [408, 'in_doubt'],
    [409, 'rejected'],
    [422, 'rejected'],
    [500, 'in_doubt'],
    [502, 'in_doubt'],
    [504, 'in_doubt'],
  ])('a response %i: %s', async (status, kind) => {
    const url = await http(answers(status));
    expect(await thrownBy(() => post(url))).toMatchObject({
      kind,
      code: `http_${status}`,
      details: { status },
    });
  });

  it.each([
    [429, 'throttled'],
    [503, 'unavailable'],
  ])('a response %i: %s, with its Retry-After', async (status, kind) => {
    const url = await http(answers(status, '{}', { 'retry-after': '7' }));
    expect(await thrownBy(() => post(url))).toMatchObject({ kind, retryAfter: 7_000 });
  });
});

it('got, that has sent a request again itself: a refused connection proves nothing', async () => {
  const error = await got
    .get(`http://127.0.0.1:${await closedPort()}`, {
      retry: { limit: 1, calculateDelay: ({ computedValue }) => (computedValue ? 1 : 0) },
    })
    .catch((thrown: unknown) => thrown);
  expect(failureOf(error)).toMatchObject({ kind: 'in_doubt', code: 'connection_refused' });
});

describe('outcomeOf', () => {
  it('leaves a response that is ok alone', async () => {
    const response = new Response('{"a":1}');
    expect(await outcomeOf(response)).toBeUndefined();
    expect(await response.json()).toEqual({ a: 1 });
  });

  it('keeps the first 2 KiB of the body', async () => {
    const failure = await outcomeOf(new Response('x'.repeat(10_000), { status: 422 }));
    expect(failure?.details).toEqual({ status: 422, body: 'x'.repeat(2_048) });
  });

  it('does without a body that was read before', async () => {
    const response = new Response('gone', { status: 422 });
    await response.text();
    expect((await outcomeOf(response))?.details).toEqual({ status: 422 });
  });

  it('reads a Retry-After that is a date, and none that is neither', async () => {
    const at = new Date(Date.now() + 60_000).toUTCString();
    const dated = await outcomeOf(new Response('', { status: 503, headers: { 'retry-after': at } }));
    expect(dated).toMatchObject({ retryAfter: expect.any(Number) });
    const odd = await outcomeOf(new Response('', { status: 503, headers: { 'retry-after': 'soon' } }));
    expect(odd).toMatchObject({ retryAfter: undefined });
  });

  it('a redirect that was not followed may have happened', async () => {
    const failure = await outcomeOf(new Response(null, { status: 302 }));
    expect(failure).toMatchObject({ kind: 'misconfigured', mayHaveHappened: true });
  });
});

describe('stripe', () => {
  const charge = (port: number) => {
    const options = { host: '127.0.0.1', port, protocol: 'http', maxNetworkRetries: 0 } as const;
    return new Stripe('sk_test_x', options).paymentIntents.create({ amount: 1, currency: 'usd' });
  };
  const problem = (type: string, code?: string) => JSON.stringify({ error: { type, code, message: 'no' } });

  it.each([
    [
      402,
      problem('card_error', 'card_declined'),
      { kind: 'rejected', code: 'card_declined', settlesDoubt: true },
    ],
    [
      400,
      problem('invalid_request_error', 'parameter_missing'),
      { kind: 'rejected', code: 'parameter_missing' },
    ],
    [400, problem('idempotency_error'), { kind: 'misconfigured', code: 'stripe_idempotency_error' }],
    [401, problem('invalid_request_error'), { kind: 'misconfigured' }],
    [403, problem('invalid_request_error'), { kind: 'misconfigured' }],
    [409, problem('invalid_request_error', 'idempotency_key_in_use'), { kind: 'in_doubt' }],
    [429, problem('invalid_request_error', 'rate_limit'), { kind: 'throttled' }],
    [500, problem('api_error'), { kind: 'in_doubt' }],
  ])('%i %s', async (status, body, expected) => {
    const url = await http(answers(status, body));
    expect(await thrownBy(() => charge(Number(new URL(url).port)))).toMatchObject(expected);
  });

  it('a lost connection: in doubt, since the package may have sent it before', async () => {
    const port = await closedPort();
    expect(await thrownBy(() => charge(port))).toMatchObject({ kind: 'in_doubt' });
  });
});

describe('AWS SDK v3', () => {
  const send = async (endpoint: string, maxAttempts = 1) => {
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
    const client = new SQSClient({ region: 'eu-west-1', endpoint, credentials, maxAttempts });
    try {
      await client.send(new SendMessageCommand({ QueueUrl: `${endpoint}/1/q`, MessageBody: 'x' }));
    } finally {
      client.destroy();
    }
  };
  it.each([
    [400, 'ThrottlingException', 'throttled'],
    [403, 'AccessDeniedException', 'misconfigured'],
    [400, 'UnrecognizedClientException', 'misconfigured'],
    [400, 'InvalidMessageContents', 'rejected'],
    [500, 'InternalFailure', 'in_doubt'],
    [503, 'ServiceUnavailable', 'unavailable'],
  ])('%i %s: %s', async (status, type, kind) => {
    const url = await http(answers(status, JSON.stringify({ __type: type, message: 'no' })));
    expect(await thrownBy(() => send(url))).toMatchObject({ kind, details: { status } });
  });

  it('a closed port: unavailable at the first attempt, in doubt at a later one', async () => {
    const url = `http://127.0.0.1:${await closedPort()}`;
    expect(await thrownBy(() => send(url))).toMatchObject({
      kind: 'unavailable',
      code: 'connection_refused',
    });
    expect(await thrownBy(() => send(url, 2))).toMatchObject({ kind: 'in_doubt' });
  });

  it('a reset: in doubt', async () => {
    const url = await http(resets);
    expect(await thrownBy(() => send(url))).toMatchObject({ kind: 'in_doubt' });
  });
});

describe('pg', () => {
  const query = async (port: number) => {
    const client = new pg.Client({ host: '127.0.0.1', port, user: 'u', database: 'd', ssl: false });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.query('select 1');
    } finally {
      await client.end().catch(() => {});
    }
  };
  const message = (type: string, body: string) => {
    const bytes = Buffer.from(body, 'latin1');
    const length = Buffer.alloc(4);
    length.writeInt32BE(bytes.length + 4);
    return Buffer.concat([Buffer.from(type), length, bytes]);
  };
  /** Lets anybody in, and answers the query so. */
  const server = (reply: (socket: Socket) => void) =>
    tcp((socket) => {
      let started = false;
      socket.on('data', () => {
        if (started) return reply(socket);
        started = true;
        socket.write(Buffer.concat([message('R', '\0\0\0\0'), message('Z', 'I')]));
      });
    });

  it.each([
    ['23505', 'rejected'],
    ['22001', 'rejected'],
    ['40001', 'unavailable'],
    ['40P01', 'unavailable'],
    ['40003', 'in_doubt'],
    ['53300', 'unavailable'],
    ['42P01', 'misconfigured'],
    ['28P01', 'misconfigured'],
    ['57P01', 'in_doubt'],
    ['57P03', 'unavailable'],
    ['XX000', 'in_doubt'],
  ])('SQLSTATE %s: %s', async (state, kind) => {
    const port = await server((socket) => {
      socket.write(message('E', `SERROR\0VERROR\0C${state}\0Mno\0\0`));
      socket.write(message('Z', 'I'));
    });
    expect(await thrownBy(() => query(port))).toMatchObject({ kind, details: { sqlstate: state } });
  });

  it('a closed port: unavailable', async () => {
    const port = await closedPort();
    expect(await thrownBy(() => query(port))).toMatchObject({ kind: 'unavailable' });
  });

  it('a reset in the middle of a query: in doubt', async () => {
    const port = await server((socket) => socket.resetAndDestroy());
    expect(await thrownBy(() => query(port))).toMatchObject({ kind: 'in_doubt' });
  });
});

describe('nodemailer', () => {
  const mail = (port: number, auth = false) =>
    createTransport({
      ...{ host: '127.0.0.1', port, secure: false, ignoreTLS: true, socketTimeout: 300 },
      ...(auth && { auth: { user: 'u', pass: 'p' } }),
    }).sendMail({ from: 'a@example.com', to: 'b@example.com', text: 'x' });

  /** Takes what is said, but for the command that it answers otherwise. */
  const server = (at: RegExp, reply: string | undefined) =>
    tcp((socket) => {
      let data = false;
      socket.write('220 hello\r\n');
      socket.on('data', (chunk) => {
        const said = chunk.toString();
        const command = data ? 'BODY' : said;
        if (data && !said.includes('\r\n.\r\n')) return;
        if (at.test(command)) return reply === undefined ? socket.destroy() : socket.write(`${reply}\r\n`);
        if (/^EHLO/.test(command)) return socket.write('250-hello\r\n250 AUTH PLAIN\r\n');
        data = /^DATA/.test(command);
        socket.write(data ? '354 go on\r\n' : '250 ok\r\n');
      });
    });

  it.each([
    ['a recipient refused', /^RCPT/, '550 no', false, 'rejected'],
    ['a recipient refused for now', /^RCPT/, '450 later', false, 'unavailable'],
    ['the message refused', /^BODY/, '554 no', false, 'rejected'],
    ['the message refused for now', /^BODY/, '451 later', false, 'unavailable'],
    ['the password refused', /^AUTH/, '535 no', true, 'misconfigured'],
    ['the connection lost after the message', /^BODY/, undefined, false, 'in_doubt'],
  ] as const)('%s', async (_what, at, reply, auth, kind) => {
    const port = await server(at, reply);
    expect(await thrownBy(() => mail(port, auth))).toMatchObject({ kind });
  });

  it('no answer to the message in time: in doubt', async () => {
    const port = await server(/^BODY/, '');
    expect(await thrownBy(() => mail(port))).toMatchObject({ kind: 'in_doubt' });
  });

  it('a closed port: unavailable', async () => {
    const port = await closedPort();
    expect(await thrownBy(() => mail(port))).toMatchObject({ kind: 'unavailable' });
  });
});

it('an error of no known shape is left to the step', () => {
  for (const thrown of [new Error('x'), 'text', undefined, { code: 'ECONNREFUSED' }])
    expect(failureOf(thrown)).toBeUndefined();
});
