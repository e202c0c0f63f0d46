import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createEndpointGuard, type GuardOptions, readAllowList } from '@holdfast/outgoing';
import { request } from 'undici';
import { afterEach, describe, expect, test } from 'vitest';
import { HARMLESS, HOSTILE } from './corpus.ts';

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const each of open.splice(0)) await each.close();
});

function guard(options: Partial<GuardOptions> & { readonly allowed?: string } = {}) {
  const { allowed = '', ...others } = options;
  const made = createEndpointGuard({ allow: readAllowList(allowed), ...others });
  open.push(made);
  return made;
}

/** Answers each question with the next of these, and the last one for ever. */
function resolverOf(...answers: readonly (readonly string[])[]) {
  const asked: string[] = [];
  const resolve = async (hostname: string) => {
    const answer = answers[Math.min(asked.length, answers.length - 1)] ?? [];
    asked.push(hostname);
    return answer.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }));
  };
  return { asked, resolve };
}

/** A server on loopback that counts what reaches it. */
async function inside(answer: { status: number; location?: string } = { status: 200 }) {
  const received: string[] = [];
  const server: Server = createServer((incoming, response) => {
    received.push(incoming.headers.host ?? '');
    response
      .writeHead(answer.status, answer.location === undefined ? {} : { location: answer.location })
      .end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(resolve));
    },
  });
  const { port } = server.address() as AddressInfo;
  return { port, received };
}

const REFUSED = { code: 'webhook_url_refused' };

describe('what may be saved', () => {
  test('the corpus has what the rules are about', () => {
    expect(new Set(HOSTILE).size).toBeGreaterThanOrEqual(60);
  });

  test.each(HOSTILE)('not %j', async (url) => {
    const { resolve } = resolverOf(['8.8.8.8']);
    await expect(guard({ resolve }).check(url)).rejects.toMatchObject(REFUSED);
  });

  test.each(HARMLESS)('%s', async (url) => {
    await expect(guard().check(url)).resolves.toBe(new URL(url).href);
  });

  test.each([
    ['one address of several is private', ['8.8.8.8', '10.0.0.1']],
    ['IPv6 loopback beside a public address', ['8.8.8.8', '::1']],
    ['a scoped link-local address', ['fe80::1%eth0']],
    ['a mapped address', ['::ffff:10.0.0.1']],
    ['no address at all but text', ['inside']],
  ])('not a name of which %s', async (_what, addresses) => {
    const { resolve } = resolverOf(addresses);
    await expect(guard({ resolve }).check('https://hooks.example.com/')).rejects.toMatchObject(REFUSED);
  });

  test('a name that does not resolve yet, by https only', async () => {
    const resolve = async () => {
      throw Object.assign(new Error('getaddrinfo ENOTFOUND'), { code: 'ENOTFOUND' });
    };
    await expect(guard({ resolve }).check('https://soon.example.com/in')).resolves.toBe(
      'https://soon.example.com/in',
    );
    await expect(guard({ resolve }).check('http://soon.example.com/in')).rejects.toMatchObject(REFUSED);
  });
});

describe('what the operator allows', () => {
  test.each([
    ['127.0.0.1', 'http://127.0.0.1:6379/'],
    ['127.0.0.1', 'http://0x7f.1:80/'],
    ['10.0.0.0/8', 'https://10.9.8.7:22/'],
    ['::1, 10.1.0.0/16', 'http://[::1]:3004/'],
    ['fd00::/8', 'http://[fd12::1]/'],
  ])('%s: %s', async (allowed, url) => {
    await expect(guard({ allowed }).check(url)).resolves.toBe(new URL(url).href);
  });

  test.each([
    ['127.0.0.1', 'http://127.0.0.2/'],
    ['127.0.0.1', 'https://[::ffff:127.0.0.1]/'],
    ['127.0.0.1', 'https://user@127.0.0.1/'],
    ['10.0.0.0/8', 'https://11.0.0.1:22/'],
    ['10.0.0.0/8', 'http://8.8.8.8/'],
  ])('%s, but not %s', async (allowed, url) => {
    await expect(guard({ allowed }).check(url)).rejects.toMatchObject(REFUSED);
  });

  test.each([
    'localhost',
    '10.0.0.0/33',
    '10.0.0.0/',
    '10.0.0/8',
    '::1/129',
    '1.2.3.4/8/8',
    '0x7f.1',
    '10.0.0.0/-1',
  ])('a list is refused for %j, by name', (entry) => {
    expect(() => readAllowList(`10.0.0.1,${entry}`)).toThrow(`"${entry}"`);
  });
});

describe('what is connected to', () => {
  test('an allowed address is reached, and the host name stays in the request', async () => {
    const { port, received } = await inside();
    const { asked, resolve } = resolverOf(['127.0.0.1']);
    const { agent } = guard({ allowed: '127.0.0.1', resolve });
    const { statusCode } = await request(`http://hooks.example.com:${port}/`, { dispatcher: agent });
    expect(statusCode).toBe(200);
    expect(received).toEqual([`hooks.example.com:${port}`]);
    expect(asked).toEqual(['hooks.example.com']);
  });

  test('a name that was public when saved and is loopback at the connect reaches nothing', async () => {
    const { port, received } = await inside();
    const { asked, resolve } = resolverOf(['8.8.8.8'], ['127.0.0.1']);
    const { agent, check } = guard({ resolve });
    const url = await check(`https://rebinding.example.com:${port}/`);
    await expect(request(url, { dispatcher: agent })).rejects.toMatchObject(REFUSED);
    expect(asked).toHaveLength(2);
    expect(received).toEqual([]);
  });

  test('the address that was checked is the one connected to: nobody is asked again in between', async () => {
    const { port, received } = await inside();
    const { asked, resolve } = resolverOf(['127.0.0.1'], ['10.0.0.1']);
    const { agent } = guard({ allowed: '127.0.0.1', resolve });
    await request(`http://rebinding.example.com:${port}/`, { dispatcher: agent });
    expect(asked).toHaveLength(1);
    expect(received).toHaveLength(1);
  });

  test('each new connection is checked: allowed first, private then', async () => {
    const { port, received } = await inside();
    const { resolve } = resolverOf(['127.0.0.1'], ['10.0.0.1']);
    const { agent } = guard({ allowed: '127.0.0.1', resolve });
    const url = `http://rebinding.example.com:${port}/`;
    const { body } = await request(url, { dispatcher: agent, headers: { connection: 'close' } });
    await body.dump();
    await expect(request(url, { dispatcher: agent })).rejects.toMatchObject(REFUSED);
    expect(received).toHaveLength(1);
  });

  test.each(['https://127.0.0.1', 'https://[::ffff:127.0.0.1]', 'http://127.0.0.1', 'http://localhost'])(
    '%s is refused at the connect, whoever saved it',
    async (origin) => {
      const { port, received } = await inside();
      await expect(request(`${origin}:${port}/`, { dispatcher: guard().agent })).rejects.toMatchObject(
        REFUSED,
      );
      expect(received).toEqual([]);
    },
  );

  test('http to a public address is refused at the connect', async () => {
    const { resolve } = resolverOf(['8.8.8.8']);
    const { agent } = guard({ allowed: '127.0.0.1', resolve });
    await expect(request('http://hooks.example.com/', { dispatcher: agent })).rejects.toMatchObject(REFUSED);
  });

  test('a redirect is an answer, not a way', async () => {
    const target = await inside();
    const first = await inside({ status: 302, location: `http://127.0.0.1:${target.port}/` });
    const { agent } = guard({ allowed: '127.0.0.1' });
    const { statusCode } = await request(`http://127.0.0.1:${first.port}/`, { dispatcher: agent });
    expect(statusCode).toBe(302);
    expect(target.received).toEqual([]);
  });
});
