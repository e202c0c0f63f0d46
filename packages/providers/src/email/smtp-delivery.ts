import { Readable } from 'node:stream';
import SMTPConnection from 'nodemailer/lib/smtp-connection';

export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  /** TLS from the first byte. */
  readonly secure: boolean;
  /** Without it no connection; else STARTTLS is used where the server offers it. */
  readonly requireTls: boolean;
  readonly ignoreTls: boolean;
  readonly login: { readonly user: string; readonly pass: string } | undefined;
}

export interface SmtpLimits {
  readonly connectTimeoutMs: number;
  readonly greetingTimeoutMs: number;
  /** Without a byte either way. */
  readonly socketTimeoutMs: number;
}

export interface SmtpMessage {
  readonly from: string;
  readonly to: string;
  readonly bytes: Buffer;
}

export type Delivery =
  | { readonly accepted: true }
  | {
      readonly accepted: false;
      /** Whether a byte of the message itself was handed over: from then on the server may have taken it. */
      readonly dataStarted: boolean;
      readonly error: SmtpError;
    };

/** What nodemailer says of a failure; `aborted` is ours. */
export interface SmtpError {
  readonly code: string;
  readonly message: string;
  /** The three digits of the server's reply, where that was the trouble. */
  readonly responseCode?: number | undefined;
  /** The SMTP command it happened at; `API` for what nodemailer refuses by itself. */
  readonly command?: string | undefined;
}

/**
 * Hands one message over, on a connection of its own. nodemailer's `sendMail` does the same but does not tell whether a lost
 * connection was lost before or after the message, which decides between "nothing happened" and "in doubt".
 */
export function deliver(
  server: SmtpServer,
  limits: SmtpLimits,
  message: SmtpMessage,
  signal: AbortSignal,
): Promise<Delivery> {
  return new Promise((resolve) => {
    const connection = new SMTPConnection({
      host: server.host,
      port: server.port,
      secure: server.secure,
      requireTLS: server.requireTls,
      ignoreTLS: server.ignoreTls,
      connectionTimeout: limits.connectTimeoutMs,
      dnsTimeout: limits.connectTimeoutMs,
      greetingTimeout: limits.greetingTimeoutMs,
      socketTimeout: limits.socketTimeoutMs,
      socketCloseTimeout: 1_000,
    });
    const content = new MessageStream(message.bytes);
    let over = false;

    const end = (delivery: Delivery) => {
      if (over) return;
      over = true;
      signal.removeEventListener('abort', onAbort);
      if (delivery.accepted) connection.quit();
      else connection.close();
      resolve(delivery);
    };
    const fail = (error: SmtpError) => end({ accepted: false, dataStarted: content.started, error });
    const failWith = (error: NodeJS.ErrnoException & Omit<SmtpError, 'code'>) =>
      fail({
        code: error.code ?? 'UNKNOWN',
        message: error.message,
        responseCode: error.responseCode,
        command: error.command,
      });
    const onAbort = () => fail({ code: 'aborted', message: 'aborted' });

    const send = () => {
      const envelope = { from: message.from, to: [message.to], size: message.bytes.length };
      connection.send(envelope, content, (error) => (error ? failWith(error) : end({ accepted: true })));
    };
    const logIn = () => {
      if (server.login === undefined) return send();
      connection.login({ credentials: { ...server.login } }, (error) => (error ? failWith(error) : send()));
    };

    // It stays on: after QUIT nobody cares how the connection ends.
    connection.on('error', failWith);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    connection.connect((error) => {
      if (over) return;
      if (error) failWith(error);
      else logIn();
    });
  });
}

/** The connection begins to read it once the server has answered DATA, and not before. */
class MessageStream extends Readable {
  started = false;
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    super();
    this.#bytes = bytes;
  }

  override _read(): void {
    this.started = true;
    this.push(this.#bytes);
    this.push(null);
  }
}
