import type { Email } from '@holdfast/flows';
import { type Guard, isLocalHost, redactText } from '@holdfast/http';
import addressparser from 'nodemailer/lib/addressparser';
import MailComposer from 'nodemailer/lib/mail-composer';
import { type Operation, unwrap } from '../unwrap.ts';
import { classifyDelivery } from './classify-delivery.ts';
import { deliver, type SmtpServer } from './smtp-delivery.ts';

export interface SmtpEmailConfig {
  /** `smtp://[user:password@]host[:587]`, or `smtps://…[:465]` for TLS from the first byte. */
  readonly url: string;
  /** One address, with a name or without. Its domain is that of the Message-IDs. Default `Holdfast <orders@holdfast.local>`. */
  readonly from?: string;
}

const SEND: Operation = { provider: 'email', operation: 'send' };

/** A server that is there answers at once; one that checks the mail before it takes it may need a while. */
const LIMITS = { connectTimeoutMs: 5_000, greetingTimeoutMs: 5_000, socketTimeoutMs: 20_000 };
/** The longest that handing a mail over takes, unless the server drips. */
export const LONGEST_DELIVERY_MS = 60_000;

/**
 * Mail over SMTP, with the Message-ID `<call.reference@domain>`: the same on every attempt, so that receivers can tell a repeat.
 * Each mail has its own connection, which ends with its call.
 * @throws TypeError for a URL or sender that cannot be used; the message does not show credentials
 */
export function smtpEmail(
  { url, from = 'Holdfast <orders@holdfast.local>' }: SmtpEmailConfig,
  guard?: Guard,
): Email & { close(): Promise<void> } {
  const server = readServer(url);
  const sender = readSender(from);
  const secrets = server.login ? [server.login.pass] : [];
  return {
    async send({ to, subject, text }, call) {
      if (!isMailbox(to)) {
        return unwrap(
          { kind: 'rejected', code: 'invalid_recipient', message: 'this is no mail address', details: {} },
          SEND,
        );
      }
      const messageId = `<${call.reference}@${sender.domain}>`;
      const composer = new MailComposer({
        from: { name: sender.name, address: sender.address },
        to: { name: '', address: to },
        subject,
        text,
        messageId,
        disableFileAccess: true,
        disableUrlAccess: true,
      });
      const bytes = await composer.compile().build();
      const handOver = async () => {
        const delivery = await deliver(server, LIMITS, { from: sender.address, to, bytes }, call.signal);
        if (delivery.accepted) return { kind: 'ok' as const, value: { messageId } };
        const trouble = classifyDelivery(delivery);
        return { ...trouble, message: redactText(trouble.message, secrets).slice(0, 500) };
      };
      return unwrap(await (guard ? guard.through(call, handOver) : handOver()), SEND);
    },

    close: async () => {},
  };
}

function readServer(text: string): SmtpServer {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !['smtp:', 'smtps:'].includes(url.protocol) || url.hostname === '') {
    throw new TypeError(
      'the mail server is no SMTP URL; write one like smtp://user:password@mail.example.com:587',
    );
  }
  const secure = url.protocol === 'smtps:';
  const login = url.username
    ? { user: decodeURIComponent(url.username), pass: decodeURIComponent(url.password) }
    : undefined;
  const local = isLocalHost(url.hostname);
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (secure ? 465 : 587) : Number(url.port),
    secure,
    // A password never crosses a network in the clear.
    requireTls: !secure && !local && login !== undefined,
    // On this machine and between containers there is nobody to hide from, and no certificate that would fit.
    ignoreTls: !secure && local,
    login,
  };
}

interface Sender {
  readonly name: string;
  readonly address: string;
  readonly domain: string;
}

function readSender(from: string): Sender {
  const [mailbox, ...more] = addressparser(from, { flatten: true });
  const address = mailbox?.address ?? '';
  const domain = address.slice(address.lastIndexOf('@') + 1);
  if (more.length > 0 || /\p{Cc}/u.test(from) || !isMailbox(address)) {
    throw new TypeError(
      `the sender ${JSON.stringify(from)} is no mail address; write one like "Shop <orders@example.com>"`,
    );
  }
  return { name: mailbox?.name ?? '', address, domain };
}

/** One bare address, with nothing in it that a header or an SMTP command would read as more than that. */
function isMailbox(address: string): boolean {
  return /^[^\s@<>()[\]\\,;:"\p{Cc}]+@[^\s@<>()\\,;:"\p{Cc}]+$/u.test(address) && address.length <= 254;
}
