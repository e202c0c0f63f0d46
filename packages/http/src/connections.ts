import type { Socket } from 'node:net';
import { buildConnector, type Dispatcher, Pool } from 'undici';
import { BrokenOffError } from './exchange.ts';
import { skipContinue } from './interim.ts';
import { openTunnel, proxyOf } from './proxy.ts';

/** What lies between us and a provider. */
export interface Reach {
  /** Hosts that credentials go to over plain http, beside this machine: those of a network that nobody else is on. Default: none. */
  readonly plaintextHosts?: readonly string[] | undefined;
  readonly tls?: TlsFiles | undefined;
  /** `http://[user:password@]host:port`: what calls go through. Default: as `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY` say. */
  readonly proxy?: string | undefined;
}

export interface ConnectionOptions extends Reach {
  /** For the look-up of the name, TCP and TLS together. */
  readonly connectTimeoutMs: number;
}

/** PEM texts. */
export interface TlsFiles {
  /** Instead of the authorities that Node trusts. */
  readonly ca?: string | undefined;
  /** With its key: shows who we are. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** A connection that no request has used yet; who takes it lets it `leave`, so that it is watched no longer. */
interface Spare {
  readonly socket: Socket;
  leave(): void;
}

const ENDS = ['close', 'error', 'end'] as const;

/** Without a word from the provider, an idle connection is kept for so long; with one (`Keep-Alive: timeout`), as long as it says. */
const KEPT_IDLE_MS = 30_000;

/**
 * The connections to one origin. They can be made ahead of a request, so that a permit is asked for when there is one: a connection that
 * takes longer than a permit holds would be thrown away with it, again and again.
 */
export class Connections {
  readonly dispatcher: Dispatcher;
  readonly #pool: Pool;
  readonly origin: string;
  readonly #open: buildConnector.connector;
  readonly #spare: Spare[] = [];
  /** Callers that were told that there is one, and have neither used it nor released it yet. */
  #reserved = 0;

  /** @throws TypeError for a proxy that is no URL */
  constructor(origin: string, { connectTimeoutMs, tls, proxy }: ConnectionOptions) {
    this.origin = origin;
    const secure = tls ? { ca: tls.ca, cert: tls.cert, key: tls.key } : {};
    const connect = { ...secure, timeout: connectTimeoutMs };
    const direct = buildConnector(connect);
    const through = proxy ?? proxyOf(new URL(origin));
    this.#open =
      through === undefined ? direct : tunnelled(new URL(through), new URL(origin), connectTimeoutMs, direct);
    this.#pool = new Pool(origin, {
      ...{ keepAliveTimeout: KEPT_IDLE_MS, pipelining: 1 },
      connect: (options, callback) => {
        const spare = this.#spare.pop();
        if (spare) {
          spare.leave();
          queueMicrotask(() => callback(null, spare.socket));
        } else {
          this.#open(options, (...result) => {
            if (result[0] === null) skipContinue(result[1]);
            callback(...result);
          });
        }
      },
    });
    this.dispatcher = this.#pool;
  }

  /**
   * Waits until a request would find a connection, and reserves it. The caller then calls {@link release}: as soon as its request is
   * dispatched, or when it does not send one.
   * @returns why there is none; nothing was sent then, and nothing is reserved
   */
  async ready(signal: AbortSignal): Promise<Error | undefined> {
    if (this.#pool.closed || this.#pool.destroyed) {
      this.#reserved += 1;
      return undefined;
    }
    if (signal.aborted) return new BrokenOffError('aborted', { cause: signal.reason });
    // one whose answer has just ended is free a moment later
    if (!this.#isFree()) await new Promise((resolve) => setImmediate(resolve));
    if (this.#isFree()) {
      this.#reserved += 1;
      return undefined;
    }
    const failure = await this.#make(signal);
    if (!failure) this.#reserved += 1;
    return failure;
  }

  #isFree(): boolean {
    return this.#pool.stats.free + this.#spare.length > this.#reserved;
  }

  /** Gives back what {@link ready} reserved. A dispatched request has its connection already, which is counted as taken by then. */
  release(): void {
    this.#reserved -= 1;
  }

  async close(): Promise<void> {
    for (const { socket } of this.#spare.splice(0)) socket.destroy();
    await this.dispatcher.close();
  }

  #make(signal: AbortSignal): Promise<Error | undefined> {
    const { hostname, host, protocol, port } = new URL(this.origin);
    return new Promise((resolve) => {
      const onAbort = () => resolve(new BrokenOffError('aborted', { cause: signal.reason }));
      signal.addEventListener('abort', onAbort, { once: true });
      const at = { hostname: hostname.replace(/^\[(.*)\]$/, '$1'), host, protocol, port };
      this.#open(at as buildConnector.Options, (error, socket) => {
        signal.removeEventListener('abort', onAbort);
        if (error || !socket) return resolve(error ?? new Error('no connection'));
        skipContinue(socket);
        this.#keep(socket);
        resolve(undefined);
      });
    });
  }

  /** Until a request takes it, or its provider has had enough of it. */
  #keep(socket: Socket): void {
    if (this.#pool.closed || this.#pool.destroyed) {
      socket.destroy();
      return;
    }
    const drop = () => {
      const at = this.#spare.indexOf(spare);
      if (at >= 0) this.#spare.splice(at, 1);
      socket.destroy();
    };
    const leave = () => {
      for (const event of ENDS) socket.off(event, drop);
      socket.setTimeout(0, drop);
    };
    const spare = { socket, leave };
    this.#spare.push(spare);
    for (const event of ENDS) socket.once(event, drop);
    socket.setTimeout(KEPT_IDLE_MS, drop);
  }
}

/** Through a proxy, then as if there were none: what goes to the provider, TLS included, the proxy only passes on. */
function tunnelled(
  proxy: URL,
  { protocol, hostname, port }: URL,
  timeoutMs: number,
  direct: buildConnector.connector,
): buildConnector.connector {
  const target = `${hostname}:${port === '' ? (protocol === 'https:' ? 443 : 80) : port}`;
  return (options, callback) => {
    openTunnel(proxy, target, timeoutMs).then(
      (socket) => {
        if (protocol === 'https:') direct({ ...options, httpSocket: socket as Socket }, callback);
        else callback(null, socket as Socket);
      },
      (error: Error) => callback(error, null),
    );
  };
}
