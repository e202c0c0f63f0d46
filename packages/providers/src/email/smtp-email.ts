import { type Email, type Mailbox, readMailbox } from '@holdfast/flows';
import { type Guard, isLocalHost, type Operation, type Reach, redactText, unwrap } from '@holdfast/http';
import addressparser from 'nodemailer/lib/addressparser';
import MailComposer from 'nodemailer/lib/mail-composer';
import { classifyDelivery } from './classify-delivery.ts';
import { SmtpDelivery, type SmtpServer } from './smtp-delivery.ts';

export interface SmtpEmailConfig {
  /** `smtp://[user:password@]host[:587]`, or `smtps://…[:465]` for TLS from the first byte. */
  readonly url: string;
  /** One address, with a name or without. Its domain is that of the Message-IDs. Default `Holdfast <orders@holdfast.local>`. */
  readonly from?: string;
  readonly reach?: Pick<Reach, 'plaintextHosts' | 'tls'> | undefined;
}

const SEND: Operation = { provider: 'email', operation: 'send' };

/** A server that is there answers at once; what it does with a message may take minutes. Idle connections are given up before servers do. */
const LIMITS = {
  ...{ connectTimeoutMs: 5_000, greetingTimeoutMs: 15_000, sessionTimeoutMs: 60_000, resetTimeoutMs: 5_000 },
  acceptTimeoutMs: 600_000,
  ...{ keptIdle: 10, keptIdleMs: 20_000, messagesPerConnection: 100 },
};
/** The longest that handing a mail over takes, unless the server drips. */
export const LONGEST_DELIVERY_MS = 2 * LIMITS.sessionTimeoutMs + LIMITS.acceptTimeoutMs;

/**
 * Mail over SMTP, with the Message-ID `<call.reference@domain>`: the same on every attempt, so that receivers can tell a repeat.
 * Connections are used again. Domains go out in their ASCII form; a local part beyond ASCII needs a server with SMTPUTF8.
 * @throws TypeError for a URL or sender that cannot be used; the message does not show credentials
 */
export function smtpEmail(
  { url, from = 'Holdfast <orders@holdfast.local>', reach }: SmtpEmailConfig,
  guard?: Guard,
): Email & { close(): Promise<void> } {
  const sender = readSender(from);
  const server = readServer(url, sender.domain, reach);
  const secrets = secretsOf(server);
  const delivery = new SmtpDelivery(server, LIMITS);
  return {
    async send({ to, subject, text }, call) {
      const recipient = readMailbox(to);
      if ('fault' in recipient) {
        const message = `this is no mail address: ${recipient.fault}`;
        return unwrap({ kind: 'rejected', code: 'invalid_recipient', message, details: {} }, SEND);
      }
      const messageId = `<${call.reference}@${sender.domain}>`;
      const composer = new MailComposer({
        from: { name: sender.name, address: sender.address },
        to: { name: '', address: recipient.address },
        subject,
        text,
        messageId,
        disableFileAccess: true,
        disableUrlAccess: true,
      });
      const bytes = await composer.compile().build();
      const what = 'SMTP DATA';
      let begun = false;
      const handOver = async () => {
        begun = true;
        const from = performance.now();
        const mail = { from: sender.address, to: recipient.address, bytes };
        const delivered = await delivery.deliver(mail, call.signal);
        const durationMs = performance.now() - from;
        if (delivered.accepted) {
          call.seen?.({ what, sent: true, outcome: 'ok', durationMs });
          return { kind: 'ok' as const, value: { messageId } };
        }
        const trouble = classifyDelivery(delivered);
        const { kind, code } = trouble;
        call.seen?.({ what, sent: delivered.dataStarted, outcome: kind, code, durationMs });
        return { ...trouble, message: redactText(trouble.message, secrets).slice(0, 500) };
      };
      const outcome = await (guard ? guard.through(call, handOver) : handOver());
      if (!begun && outcome.kind !== 'ok') {
        call.seen?.({ what, sent: false, outcome: outcome.kind, code: outcome.code, durationMs: 0 });
      }
      return unwrap(outcome, SEND);
    },

    close: () => delivery.close(),
  };
}

function readServer(text: string, clientName: string, reach: SmtpEmailConfig['reach']): SmtpServer {
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
  const local = isLocalHost(url.hostname, reach?.plaintextHosts);
  return {
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: url.port === '' ? (secure ? 465 : 587) : Number(url.port),
    clientName,
    secure,
    ca: reach?.tls?.ca,
    // A password never crosses a network in the clear.
    requireTls: !secure && !local && login !== undefined,
    // On this machine and between containers there is nobody to hide from, and no certificate that would fit.
    ignoreTls: !secure && local,
    login,
  };
}

/** The password, in the forms in which AUTH sends it. */
function secretsOf({ login }: SmtpServer): string[] {
  if (!login) return [];
  const { user, pass } = login;
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  return [pass, base64(pass), base64(`\0${user}\0${pass}`), base64(user)];
}

function readSender(from: string): Mailbox & { readonly name: string } {
  const [parsed, ...more] = addressparser(from, { flatten: true });
  const mailbox = readMailbox(parsed?.address ?? '');
  if (more.length > 0 || /\p{Cc}/u.test(from) || 'fault' in mailbox) {
    throw new TypeError(
      `the sender ${JSON.stringify(from)} is no mail address; write one like "Shop <orders@example.com>"`,
    );
  }
  return { name: parsed?.name ?? '', ...mailbox };
}
