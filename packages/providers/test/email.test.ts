import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';
import { describe, expect, it, onTestFinished } from 'vitest';
import { smtpEmail } from '../src/email/smtp-email.ts';
import { closing, stepCall, stepError } from './calls.ts';

const MAIL = {
  to: 'ada@example.com',
  subject: 'Your order is on its way (1Z1)',
  text: 'Hello Ada,\n\n.\nbye\n',
};

interface Delivered {
  readonly from: string;
  readonly to: readonly string[];
  readonly raw: string;
}

/** A mail server that takes mail, or refuses where it is told to. */
async function mailServer(options: SMTPServerOptions = {}) {
  const delivered: Delivered[] = [];
  const server = new SMTPServer({
    authOptional: true,
    disabledCommands: ['STARTTLS'],
    disableReverseLookup: true,
    onData: async (stream, { envelope }, done) => {
      const raw = await text(stream);
      const { mailFrom, rcptTo } = envelope;
      delivered.push({
        from: mailFrom ? mailFrom.address : '',
        to: rcptTo.map(({ address }) => address),
        raw,
      });
      done();
    },
    ...options,
  });
  server.on('error', () => {});
  onTestFinished(() => new Promise<void>((resolve) => server.close(resolve)));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { url: `smtp://127.0.0.1:${portOf(server.server)}`, delivered };
}

/** Speaks SMTP from a script: what it answers to each verb; `end` and `reset` end the connection instead. */
async function scriptedServer(script: Readonly<Record<string, string>>) {
  const heard: string[] = [];
  const server = createServer((socket) => {
    let inMessage = false;
    socket.on('error', () => {});
    const act = (verb: string) => {
      heard.push(verb);
      const reply = {
        greeting: '220 hi',
        EHLO: '250 hi',
        MAIL: '250 ok',
        RCPT: '250 ok',
        DATA: '354 go',
        QUIT: '221 bye',
        ...script,
      }[verb];
      if (reply === 'reset') socket.resetAndDestroy();
      else if (reply === 'end') socket.end();
      else if (reply !== 'silence') socket.write(`${reply ?? '502 what?'}\r\n`);
      inMessage = verb === 'DATA' && reply?.startsWith('354') === true;
    };
    let pending = '';
    socket.on('data', (chunk) => {
      pending += chunk.toString('latin1');
      if (inMessage && pending.endsWith('\r\n.\r\n')) {
        pending = '';
        return act('message');
      }
      if (inMessage) return;
      const lines = pending.split('\r\n');
      pending = lines.pop() ?? '';
      for (const line of lines) act(line.slice(0, 4).toUpperCase());
    });
    act('greeting');
  });
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => sockets.add(socket));
  onTestFinished(async () => {
    const closed = once(server, 'close');
    server.close();
    for (const socket of sockets) socket.destroy();
    await closed;
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  return { url: `smtp://127.0.0.1:${portOf(server)}`, heard };
}

function portOf(server: Pick<Server, 'address'>): number {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no TCP address');
  return address.port;
}

const email = (url: string, from?: string) =>
  closing(smtpEmail({ url, ...(from === undefined ? {} : { from }) }));

describe('a mail', () => {
  it('arrives, with the same Message-ID on every attempt', async () => {
    const { url, delivered } = await mailServer();
    const mail = email(url, '"Ada’s Shop" <orders@shop.example>');
    const sent = await mail.send(MAIL, stepCall('email'));
    expect(sent).toEqual({ messageId: '<run_7f.1.email@shop.example>' });
    expect(await mail.send(MAIL, stepCall('email', { attempt: 2 }))).toEqual(sent);
    expect(delivered).toHaveLength(2);
    expect(delivered[1]).toMatchObject({ from: 'orders@shop.example', to: ['ada@example.com'] });
    expect(delivered[1]?.raw).toContain('\r\nMessage-ID: <run_7f.1.email@shop.example>\r\n');
    expect(delivered[1]?.raw).toContain('\r\nTo: ada@example.com\r\n');
    expect(delivered[1]?.raw).toContain(`\r\nSubject: ${MAIL.subject}\r\n`);
    expect(delivered[1]?.raw).toMatch(/\r\n\r\nHello Ada,\r\n\r\n\.\r\nbye\r\n$/);
  });

  it('has a sender where none is given', async () => {
    const { url, delivered } = await mailServer();
    expect(await email(url).send(MAIL, stepCall('email'))).toEqual({
      messageId: '<run_7f.1.email@holdfast.local>',
    });
    expect(delivered[0]?.raw).toContain('From: Holdfast <orders@holdfast.local>\r\n');
  });

  it('cannot smuggle in headers or recipients', async () => {
    const { url, delivered } = await mailServer();
    const subject = 'Hi\r\nBcc: eve@example.com\r\n\r\nSpam\0';
    await email(url).send({ ...MAIL, subject }, stepCall('email'));
    const head = delivered[0]?.raw.split('\r\n\r\n')[0] ?? '';
    expect(head.split('\r\n').map((line) => line.split(':')[0])).not.toContain('Bcc');
    expect(delivered[0]?.to).toEqual(['ada@example.com']);
    expect(head).toContain('Message-ID');
  });

  it.each([
    'ada@example.com, eve@example.com',
    'ada@example.com\r\nRCPT TO:<eve@example.com>',
    'Ada <ada@example.com>',
    '"eve@example.com x"@example.com',
    'ada@example.com;eve@example.com',
    'ada',
    '@example.com',
    '',
  ])('to %j is rejected before anything is sent', async (to) => {
    const { url, delivered } = await mailServer();
    const error = await stepError(email(url).send({ ...MAIL, to }, stepCall('email')));
    expect(error).toMatchObject({ kind: 'rejected', code: 'invalid_recipient' });
    expect(delivered).toEqual([]);
  });

  it('is sent with the login that the server asks for', async () => {
    const logins: unknown[] = [];
    const { url, delivered } = await mailServer({
      authOptional: false,
      allowInsecureAuth: true,
      onAuth: ({ username, password }, _session, done) => {
        logins.push([username, password]);
        done(null, { user: username });
      },
    });
    await email(url.replace('//', '//shop:p%40ss@')).send(MAIL, stepCall('email'));
    expect(logins).toEqual([['shop', 'p@ss']]);
    expect(delivered).toHaveLength(1);
  });

  it('with a login that is refused is not sent: that is for us to put right', async () => {
    const { url, delivered } = await mailServer({
      authOptional: false,
      allowInsecureAuth: true,
      onAuth: ({ password }, _session, done) => done(new Error(`the password ${password} is wrong`)),
    });
    const error = await stepError(email(url.replace('//', '//shop:canary@')).send(MAIL, stepCall('email')));
    expect(error).toMatchObject({
      kind: 'misconfigured',
      code: 'smtp_login_refused',
      details: { smtpStatus: 535 },
    });
    expect(JSON.stringify([error.message, error.details])).not.toContain('canary');
    expect(delivered).toEqual([]);
  });
});

describe('what goes wrong', () => {
  it.each<[string, Record<string, string>, object]>([
    ['ends before the greeting', { greeting: 'end' }, { kind: 'unavailable', code: 'smtp_connection_lost' }],
    [
      'resets before the greeting',
      { greeting: 'reset' },
      { kind: 'unavailable', code: 'smtp_connection_lost' },
    ],
    [
      'greets with garbage',
      { greeting: 'HTTP/1.1 400 Bad Request' },
      { kind: 'unavailable', code: 'smtp_protocol_error' },
    ],
    [
      'takes no mail at all',
      { greeting: '554 go away' },
      { kind: 'unavailable', code: 'smtp_protocol_error', details: { smtpStatus: 554 } },
    ],
    ['is closing', { greeting: '421 closing' }, { kind: 'unavailable' }],
    [
      'defers the sender',
      { MAIL: '451 later' },
      { kind: 'unavailable', code: 'smtp_451', details: { command: 'MAIL FROM' } },
    ],
    ['refuses the sender', { MAIL: '550 no' }, { kind: 'misconfigured', code: 'sender_refused' }],
    [
      'wants a login',
      { MAIL: '530 authentication required' },
      { kind: 'misconfigured', code: 'smtp_login_refused' },
    ],
    ['finds the mail too large', { MAIL: '552 too large' }, { kind: 'rejected', code: 'smtp_552' }],
    [
      'defers the recipient',
      { RCPT: '450 greylisted' },
      { kind: 'unavailable', code: 'smtp_450', details: { command: 'RCPT TO' } },
    ],
    ['refuses the recipient', { RCPT: '550 unknown user' }, { kind: 'rejected', code: 'smtp_550' }],
    // Postfix keeps its answer about the sender back until a recipient is named, so that it can log both
    [
      'refuses the sender when the recipient is named',
      { RCPT: '554 5.7.1 <orders@example.com>: Sender address rejected: Access denied' },
      { kind: 'misconfigured', code: 'sender_refused' },
    ],
    [
      'refuses the domain of the sender when the recipient is named',
      { RCPT: '550 5.1.8 no such domain' },
      { kind: 'misconfigured', code: 'sender_refused' },
    ],
    [
      'relays for others only',
      { RCPT: '554 5.7.1 <ada@example.com>: Relay access denied' },
      { kind: 'misconfigured', code: 'relay_refused' },
    ],
    [
      'relays for others only, in words of its own',
      { RCPT: '550 5.7.54 SMTP; Unable to relay recipient in non-accepted domain' },
      { kind: 'misconfigured', code: 'relay_refused' },
    ],
    ['loses its thread', { RCPT: '503 wrong order' }, { kind: 'unavailable', code: 'smtp_503' }],
    ['defers the message', { DATA: '452 full' }, { kind: 'unavailable', code: 'smtp_452' }],
    ['refuses the message', { DATA: '554 no' }, { kind: 'rejected', code: 'smtp_554' }],
    ['resets at DATA', { DATA: 'reset' }, { kind: 'unavailable', code: 'smtp_connection_lost' }],
    ['defers what it has read', { message: '451 later' }, { kind: 'unavailable', code: 'smtp_451' }],
    ['refuses what it has read', { message: '554 spam' }, { kind: 'rejected', code: 'smtp_554' }],
    ['resets after the message', { message: 'reset' }, { kind: 'in_doubt', code: 'smtp_connection_lost' }],
    ['ends after the message', { message: 'end' }, { kind: 'in_doubt', code: 'smtp_connection_lost' }],
    ['answers the message with garbage', { message: 'what?' }, { kind: 'in_doubt' }],
    [
      'says it is too large',
      { EHLO: '250-hi\r\n250 SIZE 10' },
      { kind: 'rejected', code: 'mail_not_acceptable' },
    ],
  ])('a server that %s', async (_what, script, expected) => {
    const { url, heard } = await scriptedServer(script);
    expect(await stepError(email(url).send(MAIL, stepCall('email')))).toMatchObject(expected);
    expect(heard.filter((verb) => verb === 'greeting')).toHaveLength(1);
  });

  it('nobody listens', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const port = portOf(server);
    server.close();
    await once(server, 'close');
    const error = await stepError(email(`smtp://127.0.0.1:${port}`).send(MAIL, stepCall('email')));
    expect(error).toMatchObject({ kind: 'unavailable', code: 'smtp_connection_lost' });
  });

  it.each([
    ['greeting', 'unavailable'],
    ['MAIL', 'unavailable'],
    ['DATA', 'unavailable'],
    ['message', 'in_doubt'],
  ])('the signal aborts while the server is silent at %s: %s', async (verb, kind) => {
    const abort = new AbortController();
    const { url, heard } = await scriptedServer({ [verb]: 'silence' });
    const sending = stepError(email(url).send(MAIL, stepCall('email', { signal: abort.signal })));
    await expect.poll(() => heard.at(-1)).toBe(verb);
    abort.abort();
    expect(await sending).toMatchObject({ kind, code: 'aborted' });
  });

  it('the signal was aborted before', async () => {
    const { url, heard } = await scriptedServer({});
    const sending = email(url).send(MAIL, stepCall('email', { signal: AbortSignal.abort() }));
    expect(await stepError(sending)).toMatchObject({ kind: 'unavailable', code: 'aborted' });
    expect(heard).toEqual([]);
  });

  it('a server elsewhere that has no TLS never gets to see the password', async () => {
    const { url, heard } = await scriptedServer({ EHLO: '250-hi\r\n250 AUTH PLAIN' });
    // Loopback by a name that is not known as such.
    const elsewhere = url.replace('//127.0.0.1', '//shop:canary@127.1');
    const error = await stepError(email(elsewhere).send(MAIL, stepCall('email')));
    expect(error).toMatchObject({ kind: 'unavailable', code: 'tls_failed' });
    expect(heard).not.toContain('AUTH');
  });
});

describe('a configuration that cannot be used', () => {
  it.each([
    ['no URL', 'canary', undefined],
    ['another protocol', 'http://user:canary@mail.example.com', undefined],
    ['no host', 'smtp://', undefined],
    ['a sender that is no address', 'smtp://127.0.0.1', 'Holdfast'],
    ['two senders', 'smtp://127.0.0.1', 'a@example.com, b@example.com'],
    ['a sender with a line break', 'smtp://127.0.0.1', 'a@example.com\r\nBcc: b@example.com'],
  ])('%s', (_what, url, from) => {
    const make = () => smtpEmail({ url, ...(from === undefined ? {} : { from }) });
    expect(make).toThrow(TypeError);
    expect(make).not.toThrow(/canary/);
  });
});
