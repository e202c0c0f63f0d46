import type { Auth } from './auth.ts';
import { classifyExchange, type ReadError } from './classify.ts';
import { type ConnectionOptions, Connections } from './connections.ts';
import {
  BrokenOffError,
  type Exchange,
  type ExchangeLimits,
  exchange,
  type WireRequest,
} from './exchange.ts';
import { isLocalHost } from './local-host.ts';
import { type Layer, type Send, toWire } from './request.ts';
import { noteRequest } from './request-seen.ts';
import { requestSpan } from './request-span.ts';
import { type Guard, NOT_STARTED } from './shared/guard.ts';

export interface HttpClientOptions extends ExchangeLimits, ConnectionOptions {
  /** `https://host` with an optional path that all requests are below. Credentials belong into `auth`. */
  readonly baseUrl: string;
  readonly auth?: Auth;
  /** Shared limit, breaker and health. Default: none. Stays the caller's to close. */
  readonly guard?: Guard | undefined;
  /** Reads the provider's own error bodies. Default: an error's code is `http_<status>`. */
  readonly readError?: ReadError;
  /** The provider also refuses with a 2xx whose body `readError` reads, as Slack does. Default false. */
  readonly errorsIn2xx?: boolean | undefined;
  /** Of 503 (with a Retry-After) and 425: those that the provider gives before it has begun with anything. Default: none, so they are in doubt. */
  readonly beforeAnyEffect?: readonly (503 | 425)[];
}

export interface HttpClient {
  /** Sends once; never repeats a request by itself, except that a refused token is renewed once. Follows no redirect. */
  readonly request: Send;
  /** Waits for requests under way. May be called again. */
  close(): Promise<void>;
}

/**
 * One client for one provider. Layers lie around each other, the outermost first: auth → shared limit → breaker →
 * time-outs → request.
 * @throws TypeError for a base URL that cannot be used, or that credentials would cross a network to in the clear
 */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { origin, basePath } = readBaseUrl(options.baseUrl);
  const { auth, guard } = options;
  if (auth) checkPrivate(origin, options.plaintextHosts);
  const secrets = () => [...keysIn(basePath), ...(auth?.secrets() ?? [])];
  const connections = new Connections(origin, options);
  let closing: Promise<void> | undefined;

  const send: Send = async (request) => {
    const from = performance.now();
    const wire = toWire(basePath, request);
    const span = requestSpan(origin, wire);
    const seen = await exchangeOver(connections, span?.request ?? wire, options);
    const outcome = classifyExchange(seen, {
      schema: request.schema,
      expects: request.expects,
      safe: request.safe ?? request.method === 'GET',
      readError: request.readError ?? options.readError,
      errorsIn2xx: options.errorsIn2xx,
      beforeAnyEffect: options.beforeAnyEffect,
      secrets: secrets(),
    });
    noteRequest(request, outcome, performance.now() - from, secrets());
    span?.end(outcome);
    return outcome;
  };

  const guarded = guard ? guardLayer(guard, secrets)(send) : send;

  return {
    request: auth ? auth.layer(guarded) : guarded,
    close: () => {
      closing ??= Promise.all([connections.close(), auth?.close()]).then(() => {});
      return closing;
    },
  };
}

/** Connects first and asks then whether the request may start: a slow connection costs a permit, not itself. */
async function exchangeOver(
  connections: Connections,
  request: WireRequest,
  limits: ExchangeLimits,
): Promise<Exchange> {
  const error = await connections.ready(request.signal);
  if (error) return { ended: 'failed', sent: false, error };
  try {
    if (request.mayStart?.() === false)
      return { ended: 'failed', sent: false, error: new BrokenOffError('not_started') };
    // not awaited here: once dispatched, the request has its connection
    return exchange(connections.dispatcher, { ...request, origin: connections.origin }, limits);
  } finally {
    connections.release();
  }
}

function checkPrivate(origin: string, plaintextHosts: readonly string[] = []): void {
  const { protocol, hostname, host } = new URL(origin);
  if (protocol === 'https:' || isLocalHost(hostname, plaintextHosts)) return;
  throw new TypeError(
    `the base URL of ${host} is plain http, which would show our credentials to the network; write https://`,
  );
}

function guardLayer(guard: Guard, secrets: () => readonly string[]): Layer {
  return (next) => async (request) => {
    const from = performance.now();
    let begun = false;
    const { signal, origin, endpoint } = request;
    const call = { signal, runId: origin?.runId, endpoint };
    const outcome = await guard.through(call, async (mayStart) => {
      const sent = await next({ ...request, mayStart });
      begun = !('code' in sent && sent.code === NOT_STARTED);
      return sent;
    });
    if (!begun) noteRequest(request, outcome, performance.now() - from, secrets());
    return outcome;
  };
}

/** Some providers give out URLs that are the key: incoming webhooks of chats, bots. What looks like one is treated as one. */
function keysIn(basePath: string): string[] {
  return basePath.split('/').filter((segment) => /^(?=.*\d)[\w.:~%-]{20,}$/.test(segment));
}

function readBaseUrl(baseUrl: string): { origin: string; basePath: string } {
  const url = URL.canParse(baseUrl) ? new URL(baseUrl) : undefined;
  if (!url || !['http:', 'https:'].includes(url.protocol) || url.search || url.hash) {
    throw new TypeError(
      `"${url?.origin ?? baseUrl}" is no base URL; write one like https://api.example.com/v1`,
    );
  }
  if (url.username || url.password) {
    throw new TypeError(`the base URL of ${url.host} holds credentials; give them as auth`);
  }
  return { origin: url.origin, basePath: url.pathname.replace(/\/+$/, '') };
}
