import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, isIPv6, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { explainListenError } from '@holdfast/app-kit';
import PostalMime from 'postal-mime';
import { SMTPServer, type SMTPServerDataStream, type SMTPServerSession } from 'smtp-server';
import { z } from 'zod';
import type { Faults, Refusal } from './faults.ts';
import type { Ledger, Recorder } from './ledger.ts';
import { dropLater } from './serve.ts';
import { underFault } from './under-fault.ts';

const MAX_MESSAGE_BYTES = 10_000_000;

/** A mail server with real SMTP and one mailbox for everybody: the ledger. */
export interface MailServer {
  /** @returns its address, as in `smtp://127.0.0.1:3025` */
  listen(host: string, port: number): Promise<string>;
  /** Breaks what is under way. */
  close(): Promise<void>;
}

const Change = z.object({ messageId: z.string() });
type Change = z.infer<typeof Change>;

interface Mail {
  readonly messageId: string;
  readonly to: readonly string[];
  readonly subject: string;
}

interface Reply {
  readonly code: number;
  readonly text: string;
}

/** Answers a command with an error; smtp-server reads the code from `responseCode`. */
class SmtpRefusal extends Error {
  readonly code = 'smtp_refusal';
  constructor(
    readonly responseCode: number,
    message: string,
  ) {
    super(message);
    this.name = 'SmtpRefusal';
  }
}

export function createMailServer(ledger: Ledger, faults: Faults): MailServer {
  const deliver = mailbox(ledger);
  const sockets = new Map<string, Socket>();
  /** Until when a sender is too new to a recipient, by both. */
  const greylisted = new Map<string, number>();

  const receive = async (stream: SMTPServerDataStream, session: SMTPServerSession) => {
    const mail = await readMail(stream, session);
    const socket = sockets.get(peer(session.remoteAddress, session.remotePort));
    return underFault<Reply>(faults.take('email', 'send'), {
      work: () => deliver(mail),
      refuse: refusal,
      hold: (forMs) => socket && dropLater(socket, forMs),
      reset: () => socket?.resetAndDestroy(),
    });
  };

  const smtp = new SMTPServer({
    authOptional: true,
    disabledCommands: ['AUTH', 'STARTTLS'],
    disableReverseLookup: true,
    logger: false,
    size: MAX_MESSAGE_BYTES,
    banner: 'Holdfast sandbox',
    onRcptTo: ({ address }, session, done) => {
      const sender = session.envelope.mailFrom ? session.envelope.mailFrom.address : '';
      const pair = `${sender} ${address}`.toLowerCase();
      const known = greylisted.get(pair);
      const fault = known === undefined ? faults.take('email', 'send', 'recipient') : undefined;
      if (fault?.fault === 'greylist') greylisted.set(pair, Date.now() + fault.delayMs);
      const until = greylisted.get(pair) ?? 0;
      done(until > Date.now() ? new SmtpRefusal(450, '4.2.0 greylisted, come back later') : undefined);
    },
    onData: (stream, session, done) => {
      receive(stream, session).then((reply) => {
        if (reply?.code === 250) done(null, reply.text);
        else if (reply) done(new SmtpRefusal(reply.code, reply.text));
      }, done);
    },
  });
  smtp.server.on('connection', (socket) => {
    const name = peer(socket.remoteAddress, socket.remotePort);
    sockets.set(name, socket);
    socket.once('close', () => sockets.delete(name));
  });
  // A client that goes away in the middle of its mail is its own business.
  smtp.on('error', () => {});

  return {
    listen: async (host, port) => {
      try {
        await once(smtp.listen(port, host), 'listening');
      } catch (error) {
        throw explainListenError(error, host, port, 'HOLDFAST_SMTP_PORT');
      }
      return smtpUrl(smtp.server.address());
    },
    close: async () => {
      if (!smtp.server.listening) return;
      const closed = new Promise<void>((resolve) => smtp.close(resolve));
      for (const socket of sockets.values()) socket.destroy();
      await closed;
    },
  };
}

/** Delivers once per Message-ID, as people's mail programs show it: a second one is recorded as a `duplicate`, no `send`. */
function mailbox(ledger: Ledger): (mail: Mail) => Reply {
  const seen = new Set<string>();
  const recorder: Recorder<Change> = ledger.attach<Change>({
    provider: 'email',
    change: Change,
    apply: ({ messageId }) => seen.add(messageId),
    forget: () => seen.clear(),
  });
  return ({ messageId, to, subject }) => {
    const operation = seen.has(messageId) ? 'duplicate' : 'send';
    const reference = messageId.replace(/^<|>$/g, '').replace(/@[^@]*$/, '');
    recorder.commit(
      { messageId },
      { operation, reference, idempotencyKey: null, messageId, to: [...to], subject },
    );
    return { code: 250, text: `OK: ${operation === 'send' ? 'delivered' : 'delivered before'}` };
  };
}

async function readMail(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<Mail> {
  const bytes = await buffer(stream);
  if (stream.sizeExceeded)
    throw new SmtpRefusal(552, `5.3.4 message is larger than ${MAX_MESSAGE_BYTES} bytes`);
  const parsed = await PostalMime.parse(bytes).catch(() => {
    throw new SmtpRefusal(554, '5.6.0 this is not a mail that can be read');
  });
  return {
    // As a submission server does: a mail that has none is given one, and so is never known again.
    messageId: parsed.messageId || `<${randomUUID()}@sandbox.invalid>`,
    to: session.envelope.rcptTo.map(({ address }) => address),
    subject: parsed.subject ?? '',
  };
}

/** 500 to 504 mean other things in SMTP than in HTTP: they become the 451 that a server in trouble answers. */
function refusal(fault: Refusal): Reply {
  if (fault.fault === 'throttle')
    return { code: 451, text: `4.7.1 too many messages; retry after: ${fault.retryAfter}` };
  const code = fault.status >= 500 && fault.status <= 504 ? 451 : fault.status;
  return { code, text: `the sandbox was told to answer ${code}` };
}

/** smtp-server shows IPv4 clients of a dual-stack socket without their prefix. */
function peer(address = '', port = 0): string {
  return `${address.replace(/^::ffff:/i, '')} ${port}`;
}

function smtpUrl(address: AddressInfo | string | null): string {
  if (address === null || typeof address === 'string') throw new Error('the mail server has no TCP address');
  const host = { '0.0.0.0': '127.0.0.1', '::': '::1' }[address.address] ?? address.address;
  return `smtp://${isIPv6(host) ? `[${host}]` : host}:${address.port}`;
}
