import type { z } from 'zod';
import type { WireRequest } from './exchange.ts';
import type { Outcome } from './outcome.ts';
import { type Origin, traceparentOf } from './trace-context.ts';

export interface HttpRequest<T> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the client's base URL, starting with `/`; what goes into it is already percent-encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Written in the order of its members, so that equal input gives equal bytes. Absent: no body. */
  readonly body?: { readonly form: Readonly<Record<string, string>> } | { readonly json: unknown };
  /** Sent as `Idempotency-Key`: 1–255 visible ASCII characters. */
  readonly idempotencyKey?: string;
  readonly signal: AbortSignal;
  /** Asked when there is a connection, before the first byte is written: on `false` nothing is sent. */
  readonly mayStart?: () => boolean;
  /** What the request is made for: sent on as `traceparent`. */
  readonly origin?: Origin;
  /** Of the JSON body of a 2xx answer; it is given `undefined` when there is no body. */
  readonly schema: z.ZodType<T>;
}

export type Send = <T>(request: HttpRequest<T>) => Promise<Outcome<T>>;

/** Something around every request of a client, such as authentication, a limit or a breaker. */
export type Layer = (next: Send) => Send;

/** @throws TypeError for a path or key that cannot be sent. */
export function toWire<T>(basePath: string, request: HttpRequest<T>): WireRequest {
  if (!request.path.startsWith('/')) throw new TypeError(`the path "${request.path}" must start with "/"`);
  const query = new URLSearchParams(request.query).toString();
  const { contentType, body } = encodeBody(request);
  return {
    method: request.method,
    path: `${basePath}${request.path}${query && `?${query}`}`,
    headers: {
      accept: 'application/json',
      'user-agent': 'holdfast',
      ...(contentType === undefined ? {} : { 'content-type': contentType }),
      ...(request.idempotencyKey === undefined
        ? {}
        : { 'idempotency-key': checkedKey(request.idempotencyKey) }),
      ...(request.origin === undefined ? {} : { traceparent: traceparentOf(request.origin) }),
      ...request.headers,
    },
    ...(body === undefined ? {} : { body }),
    signal: request.signal,
    mayStart: request.mayStart,
  };
}

function encodeBody<T>({ body }: HttpRequest<T>): { contentType?: string; body?: string } {
  if (body === undefined) return {};
  return 'form' in body
    ? { contentType: 'application/x-www-form-urlencoded', body: new URLSearchParams(body.form).toString() }
    : { contentType: 'application/json', body: JSON.stringify(body.json) };
}

function checkedKey(key: string): string {
  if (/^[\x21-\x7e]{1,255}$/.test(key)) return key;
  throw new TypeError(`idempotency key ${JSON.stringify(key)}: use 1 to 255 visible ASCII characters`);
}
