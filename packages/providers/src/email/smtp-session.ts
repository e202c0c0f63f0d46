import { Readable } from 'node:stream';
import SMTPConnection from 'nodemailer/lib/smtp-connection';
import type { Delivery, SmtpError, SmtpLimits, SmtpMessage, SmtpServer } from './smtp-delivery.ts';

/** One connection to a mail server, logged in, over which messages go one after the other. */
export class SmtpSession {
  readonly #connection: SMTPConnection;
  readonly #server: SmtpServer;
  readonly #limits: SmtpLimits;
  /** What is under way: told of whatever ends the connection. */
  #failed: (error: SmtpError) => void = () => {};
  #ended = false;
  /** Messages that were handed over. */
  sent = 0;

  constructor(server: SmtpServer, limits: SmtpLimits) {
    this.#server = server;
    this.#limits = limits;
    this.#connection = new SMTPConnection({
      host: server.host,
      port: server.port,
      name: server.clientName,
      secure: server.secure,
      requireTLS: server.requireTls,
      ignoreTLS: server.ignoreTls,
      ...(server.ca !== undefined && { tls: { ca: server.ca } }),
      connectionTimeout: limits.connectTimeoutMs,
      dnsTimeout: limits.connectTimeoutMs,
      greetingTimeout: limits.greetingTimeoutMs,
      // once it has the message a server may take its time (RFC 5321, 4.5.3.2.6); all before that has a clock of ours
      socketTimeout: limits.acceptTimeoutMs,
      socketCloseTimeout: 1_000,
    });
    // It stays on: after QUIT nobody cares how the connection ends.
    this.#connection.on('error', (error: NodeError) => this.#end(errorOf(error)));
    this.#connection.once('end', () => this.#end({ code: 'ECONNECTION', message: 'the server hung up' }));
  }

  /** True while it can take another message. */
  get alive(): boolean {
    return !this.#ended;
  }

  /** Connects and logs in. @returns why that did not work */
  open(signal: AbortSignal): Promise<SmtpError | undefined> {
    const { login } = this.#server;
    return this.#within(this.#limits.sessionTimeoutMs, signal, (done) => {
      this.#connection.connect((error) => {
        if (error) return done(errorOf(error));
        if (login === undefined) return done(undefined);
        this.#connection.login({ credentials: { ...login } }, (refused) =>
          done(refused ? errorOf(refused) : undefined),
        );
      });
    });
  }

  /** Makes it ready for another message. @returns why it is not */
  reset(signal: AbortSignal): Promise<SmtpError | undefined> {
    return this.#within(this.#limits.resetTimeoutMs, signal, (done) => {
      this.#connection.reset((error) => done(error ? errorOf(error) : undefined));
    });
  }

  /** Hands one message over. Whether a byte of it left decides between "nothing happened" and "in doubt". */
  async send({ from, to, bytes }: SmtpMessage, signal: AbortSignal): Promise<Delivery> {
    if (/[^\p{ASCII}]/u.test(to) && !this.#takes('SMTPUTF8')) {
      const message = 'the mail server takes no addresses beyond ASCII (it does not offer SMTPUTF8)';
      return { accepted: false, dataStarted: false, error: { code: 'EENVELOPE', command: 'API', message } };
    }
    const content = new MessageStream(bytes);
    const envelope = { from, to: [to], size: bytes.length };
    const error = await this.#within(
      this.#limits.sessionTimeoutMs,
      signal,
      (done) => {
        this.#connection.send(envelope, content, (failure) => done(failure ? errorOf(failure) : undefined));
      },
      // the server has asked for the message: its own time begins
      (stopClock) => {
        content.onStart = stopClock;
      },
    );
    if (error) return { accepted: false, dataStarted: content.started, error };
    this.sent += 1;
    return { accepted: true };
  }

  /** Says good-bye. */
  quit(): void {
    this.#ended = true;
    this.#connection.quit();
  }

  close(): void {
    this.#ended = true;
    this.#connection.close();
  }

  /** What EHLO was answered, which nodemailer keeps to itself. */
  #takes(extension: string): boolean {
    const { _supportedExtensions: offered } = this.#connection as unknown as {
      readonly _supportedExtensions: readonly string[];
    };
    return offered.includes(extension);
  }

  #end(error: SmtpError): void {
    this.#ended = true;
    this.#failed(error);
  }

  #within(
    ms: number,
    signal: AbortSignal,
    act: (done: (error: SmtpError | undefined) => void) => void,
    clock: (stop: () => void) => void = () => {},
  ): Promise<SmtpError | undefined> {
    return new Promise((resolve) => {
      const done = (error: SmtpError | undefined) => {
        clearTimeout(timer);
        signal.removeEventListener('abort', onAbort);
        this.#failed = () => {};
        resolve(error);
      };
      const onAbort = () => done({ code: 'aborted', message: 'aborted' });
      const timer = setTimeout(() => done({ code: 'ETIMEDOUT', message: `no answer within ${ms} ms` }), ms);
      if (signal.aborted) return onAbort();
      signal.addEventListener('abort', onAbort, { once: true });
      this.#failed = done;
      clock(() => clearTimeout(timer));
      act(done);
    });
  }
}

type NodeError = NodeJS.ErrnoException & Omit<SmtpError, 'code'>;

function errorOf({ code, message, responseCode, command }: NodeError): SmtpError {
  return { code: code ?? 'UNKNOWN', message, responseCode, command };
}

/** The connection begins to read it once the server has answered DATA, and not before. */
class MessageStream extends Readable {
  started = false;
  onStart: () => void = () => {};
  readonly #bytes: Buffer;

  constructor(bytes: Buffer) {
    super();
    this.#bytes = bytes;
  }

  override _read(): void {
    if (!this.started) this.onStart();
    this.started = true;
    this.push(this.#bytes);
    this.push(null);
  }
}
