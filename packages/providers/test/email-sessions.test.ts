import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { describe, expect, it, onTestFinished } from 'vitest';
import { SmtpDelivery } from '../src/email/smtp-delivery.ts';
import { type SmtpEmailConfig, smtpEmail } from '../src/email/smtp-email.ts';
import { closing, stepCall, stepError } from './calls.ts';

const MAIL = { to: 'ada@example.com', subject: 'On its way', text: 'Hello\n' };
const FROM = 'Shop <orders@shop.example>';

/** Takes mails, and counts who comes. */
async function mailServer(options: SMTPServerOptions = {}) {
  const seen = { connections: 0, greetings: new Set<string>(), mails: [] as string[] };
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    disableReverseLookup: true,
    onConnect: (_session, done) => {
      seen.connections += 1;
      done();
    },
    onData: async (stream, session, done) => {
      seen.greetings.add(session.hostNameAppearsAs);
      seen.mails.push(await text(stream));
      done();
    },
    ...options,
  });
  server.on('error', () => {});
  onTestFinished(() => new Promise<void>((resolve) => server.close(resolve)));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.server.address();
  return { url: `smtp://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`, seen, server };
}

/** Answers by connection (from 1) and verb; `end` hangs up instead, `silence` says nothing. */
async function scripted(
  script: (connection: number, verb: string, nth: number) => string | undefined,
  silent: (socket: Socket, verb: string) => unknown = () => {},
) {
  const heard: string[] = [];
  const recipients: string[] = [];
  let connections = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    connections += 1;
    const connection = connections;
    const counts = new Map<string, number>();
    let inMessage = false;
    const act = (verb: string) => {
      heard.push(`${connection} ${verb}`);
      const nth = (counts.get(verb) ?? 0) + 1;
      counts.set(verb, nth);
      const usual = { greeting: '220 hi', EHLO: '250 hi', DATA: '354 go', QUIT: '221 bye' }[verb] ?? '250 ok';
      const reply = script(connection, verb, nth) ?? usual;
      if (reply === 'end') socket.destroy();
      else if (reply === 'silence') silent(socket, verb);
      else socket.write(`${reply}\r\n`);
      inMessage = verb === 'DATA' && reply.startsWith('354');
    };
    let pending = '';
    socket.on('data', (chunk) => {
      pending += chunk.toString('utf8');
      if (inMessage && pending.endsWith('\r\n.\r\n')) {
        pending = '';
        return act('message');
      }
      if (inMessage) return;
      const lines = pending.split('\r\n');
      pending = lines.pop() ?? '';
      for (const line of lines) {
        if (line.startsWith('RCPT')) recipients.push(/<(.*)>/.exec(line)?.[1] ?? '');
        act(line.slice(0, 4).toUpperCase());
      }
    });
    act('greeting');
  });
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const address = server.address();
  return { url: `smtp://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`, heard, recipients };
}

const email = (url: string, more: Partial<SmtpEmailConfig> = {}) =>
  closing(smtpEmail({ url, from: FROM, ...more }));

describe('a connection to the mail server', () => {
  it('is used again, and greets in the name of the sender', async () => {
    const { url, seen } = await mailServer();
    const mail = email(url);
    for (const step of ['a', 'b', 'c']) await mail.send(MAIL, stepCall(step));
    expect(seen.mails).toHaveLength(3);
    expect(seen.connections).toBe(1);
    expect([...seen.greetings]).toEqual(['shop.example']);
    expect(seen.mails[0]).toContain('Message-ID: <run_7f.1.a@shop.example>');
    expect(seen.mails[0]).toContain('From: Shop <orders@shop.example>');
  });

  it('is made anew when the server has ended it meanwhile: nothing of the mail was on it', async () => {
    const { url, heard } = await scripted((connection, verb) =>
      connection === 1 && verb === 'RSET' ? 'end' : undefined,
    );
    const mail = email(url);
    await mail.send(MAIL, stepCall('a'));
    await mail.send(MAIL, stepCall('b'));
    expect(heard.filter((each) => each.endsWith('message'))).toEqual(['1 message', '2 message']);
  });

  it.each([
    ['hung up', 'end'],
    ['closed with 421', '421 too many messages'],
  ])('is made anew when it is %s before the message', async (_what, reply) => {
    const { url, heard } = await scripted((connection, verb, nth) =>
      connection === 1 && verb === 'MAIL' && nth === 2 ? reply : undefined,
    );
    const mail = email(url);
    await mail.send(MAIL, stepCall('a'));
    await mail.send(MAIL, stepCall('b'));
    expect(heard.filter((each) => each.endsWith('message'))).toEqual(['1 message', '2 message']);
  });

  it('that breaks after the message leaves it in doubt, also on a connection that was used before', async () => {
    const { url, heard } = await scripted((_connection, verb, nth) =>
      verb === 'message' && nth === 2 ? 'end' : undefined,
    );
    const mail = email(url);
    await mail.send(MAIL, stepCall('a'));
    expect(await stepError(mail.send(MAIL, stepCall('b')))).toMatchObject({ kind: 'in_doubt' });
    expect(heard.filter((each) => each.endsWith('message'))).toEqual(['1 message', '1 message']);
  });

  it('may take its time over a message that it has, and not before', async () => {
    const limits = {
      ...{ connectTimeoutMs: 2_000, greetingTimeoutMs: 2_000, sessionTimeoutMs: 300, acceptTimeoutMs: 1_500 },
      ...{ resetTimeoutMs: 300, keptIdle: 1, keptIdleMs: 100, messagesPerConnection: 1 },
    };
    const deliver = async (silentAt: string, forMs: number) => {
      const { url } = await scripted(
        (_connection, verb) => (verb === silentAt ? 'silence' : undefined),
        (socket, verb) => verb === 'message' && setTimeout(() => socket.write('250 ok\r\n'), forMs),
      );
      const { hostname: host, port } = new URL(url);
      const plain = { secure: false, requireTls: false, ignoreTls: true, login: undefined, clientName: 'a' };
      const delivery = new SmtpDelivery({ host, port: Number(port), ...plain }, limits);
      onTestFinished(() => delivery.close());
      const message = { from: 'a@example.com', to: 'b@example.com', bytes: Buffer.from('Hello\r\n') };
      return delivery.deliver(message, new AbortController().signal);
    };
    expect(await deliver('message', 700)).toEqual({ accepted: true });
    expect(await deliver('message', 60_000)).toMatchObject({
      ...{ accepted: false, dataStarted: true, error: { code: 'ETIMEDOUT' } },
    });
    expect(await deliver('RCPT', 60_000)).toMatchObject({
      ...{ accepted: false, dataStarted: false, error: { code: 'ETIMEDOUT' } },
    });
  });

  it('that refuses one mail takes the next', async () => {
    const { url } = await scripted((_connection, verb, nth) =>
      verb === 'RCPT' && nth === 1 ? '550 no such user' : undefined,
    );
    const mail = email(url);
    expect(await stepError(mail.send(MAIL, stepCall('a')))).toMatchObject({
      kind: 'rejected',
      code: 'smtp_550',
    });
  });

  it('that greylists is for later', async () => {
    const { url } = await scripted((_connection, verb, nth) =>
      verb === 'RCPT' && nth === 1 ? '450 4.2.0 greylisted' : undefined,
    );
    const mail = email(url);
    expect(await stepError(mail.send(MAIL, stepCall('a')))).toMatchObject({
      kind: 'unavailable',
      code: 'smtp_450',
    });
  });
});

describe('an address', () => {
  it.each([
    ['ada@bücher.example', 'ada@xn--bcher-kva.example'],
    ['a&b@example.com', 'a&b@example.com'],
    ["o'neil+x@example.com", "o'neil+x@example.com"],
    ['info@xn--bcher-kva.example', 'info@xn--bcher-kva.example'],
  ])('%s goes out as %s', async (to, expected) => {
    const { url, recipients } = await scripted(() => undefined);
    await email(url).send({ ...MAIL, to }, stepCall('a'));
    expect(recipients).toEqual([expected]);
  });

  it('beyond ASCII is sent to a server that takes it', async () => {
    const { url, recipients } = await scripted((_connection, verb) =>
      verb === 'EHLO' ? '250-hi\r\n250 SMTPUTF8' : undefined,
    );
    await email(url).send({ ...MAIL, to: 'käthe@bücher.example' }, stepCall('a'));
    expect(recipients).toEqual(['käthe@xn--bcher-kva.example']);
  });

  it('beyond ASCII is refused, and nothing sent, where the server does not take it', async () => {
    const { url, heard } = await scripted(() => undefined);
    const error = await stepError(email(url).send({ ...MAIL, to: 'käthe@example.com' }, stepCall('a')));
    expect(error).toMatchObject({ kind: 'rejected', code: 'mail_not_acceptable' });
    expect(error.message).toContain('SMTPUTF8');
    expect(heard).not.toContain('1 MAIL');
  });

  it.each([
    '"a b"@example.com',
    'a@',
    '@b',
    'a b@example.com',
    'a@b@c',
    'a@exa_mple.com',
    'a..b@example.com',
  ])('%s is none', async (to) => {
    const { url } = await scripted(() => undefined);
    const error = await stepError(email(url).send({ ...MAIL, to }, stepCall('a')));
    expect(error).toMatchObject({ kind: 'rejected', code: 'invalid_recipient' });
  });
});

it('a password never stands in an error, in whatever form AUTH sends it', async () => {
  const { url } = await mailServer({
    authOptional: false,
    allowInsecureAuth: true,
    onAuth: ({ username, password }, _session, done) => {
      const plain = Buffer.from(`\0${username}\0${password}`).toString('base64');
      done(new Error(`no: ${password} ${plain} ${Buffer.from(String(password)).toString('base64')}`));
    },
  });
  const mail = email(url.replace('://', '://user:canary-secret@'));
  const error = await stepError(mail.send(MAIL, stepCall('a')));
  expect(error).toMatchObject({ kind: 'misconfigured', code: 'smtp_login_refused' });
  expect(error.message).not.toContain('canary');
  expect(error.message).not.toContain(Buffer.from('canary-secret').toString('base64'));
  expect(error.message).not.toContain(Buffer.from('\0user\0canary-secret').toString('base64'));
});
