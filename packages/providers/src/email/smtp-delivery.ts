import { SmtpSession } from './smtp-session.ts';

export interface SmtpServer {
  readonly host: string;
  readonly port: number;
  /** How we greet it. */
  readonly clientName: string;
  /** TLS from the first byte. */
  readonly secure: boolean;
  /** Without it no connection; else STARTTLS is used where the server offers it. */
  readonly requireTls: boolean;
  readonly ignoreTls: boolean;
  /** PEM; instead of the authorities that Node trusts. */
  readonly ca?: string | undefined;
  readonly login: { readonly user: string; readonly pass: string } | undefined;
}

export interface SmtpLimits {
  readonly connectTimeoutMs: number;
  readonly greetingTimeoutMs: number;
  /** For connecting and logging in, and again for all of a message but its acceptance. */
  readonly sessionTimeoutMs: number;
  /** Without a byte either way while the server has the message. */
  readonly acceptTimeoutMs: number;
  readonly resetTimeoutMs: number;
  /** Connections that wait for their next message. */
  readonly keptIdle: number;
  readonly keptIdleMs: number;
  readonly messagesPerConnection: number;
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

interface Idle {
  readonly session: SmtpSession;
  readonly timer: NodeJS.Timeout;
}

/**
 * Hands messages over, on connections that are used again: servers limit new ones. nodemailer's `sendMail` does the same but does not
 * tell whether a lost connection was lost before or after the message, which decides between "nothing happened" and "in doubt".
 */
export class SmtpDelivery {
  readonly #server: SmtpServer;
  readonly #limits: SmtpLimits;
  readonly #idle: Idle[] = [];
  #closed = false;

  constructor(server: SmtpServer, limits: SmtpLimits) {
    this.#server = server;
    this.#limits = limits;
  }

  async deliver(message: SmtpMessage, signal: AbortSignal): Promise<Delivery> {
    const used = await this.#usedBefore(signal);
    if (used) {
      const delivery = await this.#sendOver(used, message, signal);
      // a server may end a connection whenever it likes; nothing of this message was on it
      if (delivery.accepted || !endedBefore(delivery) || signal.aborted) return delivery;
    }
    const fresh = new SmtpSession(this.#server, this.#limits);
    const error = await fresh.open(signal);
    if (error) {
      fresh.close();
      return { accepted: false, dataStarted: false, error };
    }
    return this.#sendOver(fresh, message, signal);
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const { session, timer } of this.#idle.splice(0)) {
      clearTimeout(timer);
      session.quit();
    }
  }

  async #sendOver(session: SmtpSession, message: SmtpMessage, signal: AbortSignal): Promise<Delivery> {
    const delivery = await session.send(message, signal);
    if (delivery.accepted) this.#keep(session);
    else session.close();
    return delivery;
  }

  /** A connection that has answered to RSET a moment ago. */
  async #usedBefore(signal: AbortSignal): Promise<SmtpSession | undefined> {
    for (;;) {
      const idle = this.#idle.pop();
      if (!idle) return undefined;
      clearTimeout(idle.timer);
      if (idle.session.alive && !(await idle.session.reset(signal))) return idle.session;
      idle.session.close();
    }
  }

  #keep(session: SmtpSession): void {
    const { keptIdle, keptIdleMs, messagesPerConnection } = this.#limits;
    const full = this.#idle.length >= keptIdle || session.sent >= messagesPerConnection;
    if (this.#closed || full || !session.alive) {
      session.quit();
      return;
    }
    const timer = setTimeout(() => {
      this.#idle.splice(
        this.#idle.findIndex((idle) => idle.session === session),
        1,
      );
      session.quit();
    }, keptIdleMs).unref();
    this.#idle.push({ session, timer });
  }
}

/** The connection was over before the message: lost, or closed with 421. */
function endedBefore({ dataStarted, error }: Extract<Delivery, { accepted: false }>): boolean {
  if (dataStarted || error.code === 'aborted') return false;
  return error.responseCode === 421 || error.responseCode === undefined;
}
