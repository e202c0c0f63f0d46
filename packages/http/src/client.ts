import { Pool } from 'undici';
import type { Auth } from './auth.ts';
import { classifyExchange, type ReadError } from './classify.ts';
import { type ExchangeLimits, exchange } from './exchange.ts';
import { type Layer, type Send, toWire } from './request.ts';
import type { Guard } from './shared/guard.ts';

export interface HttpClientOptions extends ExchangeLimits {
  /** `https://host` with an optional path that all requests are below. Credentials belong into `auth`. */
  readonly baseUrl: string;
  readonly auth?: Auth;
  /** For the look-up of the name, TCP and TLS together. */
  readonly connectTimeoutMs: number;
  /** Shared limit, breaker and health. Default: none. Stays the caller's to close. */
  readonly guard?: Guard | undefined;
  /** Reads the provider's own error bodies. Default: an error's code is `http_<status>`. */
  readonly readError?: ReadError;
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
 * @throws TypeError for a base URL that cannot be used
 */
export function createHttpClient(options: HttpClientOptions): HttpClient {
  const { origin, basePath } = readBaseUrl(options.baseUrl);
  const pool = new Pool(origin, { connectTimeout: options.connectTimeoutMs, pipelining: 1 });
  const { auth, guard } = options;
  let closing: Promise<void> | undefined;

  const send: Send = async (request) =>
    classifyExchange(await exchange(pool, toWire(basePath, request), options), {
      schema: request.schema,
      safe: request.method === 'GET',
      readError: options.readError,
      beforeAnyEffect: options.beforeAnyEffect,
      secrets: auth?.secrets() ?? [],
    });

  const guarded = guard ? guardLayer(guard)(send) : send;

  return {
    request: auth ? auth.layer(guarded) : guarded,
    close: () => {
      closing ??= Promise.all([pool.close(), auth?.close()]).then(() => {});
      return closing;
    },
  };
}

function guardLayer(guard: Guard): Layer {
  return (next) => (request) =>
    guard.through({ signal: request.signal, runId: request.origin?.runId }, (mayStart) =>
      next({ ...request, mayStart }),
    );
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
