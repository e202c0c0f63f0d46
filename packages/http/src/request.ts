import type { z } from 'zod';
import type { ReadError } from './classify.ts';
import type { WireRequest } from './exchange.ts';
import { multipart } from './multipart.ts';
import type { Outcome } from './outcome.ts';
import type { Expected } from './read-body.ts';
import { type Origin, traceparentOf } from './trace-context.ts';

export interface HttpRequest<T> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Below the client's base URL, starting with `/`; what goes into it is already percent-encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  /** Names in lower case. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Written in the order of its members, so that equal input gives equal bytes. Absent: no body. */
  readonly body?: RequestBody;
  /** Sent as `Idempotency-Key`: 1–255 visible ASCII characters. */
  readonly idempotencyKey?: string;
  readonly signal: AbortSignal;
  /** Asked when there is a connection, before the first byte is written: on `false` nothing is sent. */
  readonly mayStart?: () => boolean;
  /** One of few names, of letters, digits, dashes and underscores: a 429 slows this endpoint before it slows the account. Default: the account. */
  readonly endpoint?: string;
  /** What the request is made for: sent on as `traceparent`. */
  readonly origin?: Origin;
  /** How the body of a 2xx answer is read. Default `json`; `text` gives a string (XML too), `bytes` a Buffer. */
  readonly expects?: Expected;
  /** It only reads, so that nothing can have happened. Default: true for GET. */
  readonly safe?: boolean;
  /** Reads the error bodies of this request. Default: as the client does. */
  readonly readError?: ReadError | undefined;
  /** Of the body of a 2xx answer; it is given `undefined` when there is none. */
  readonly schema: z.ZodType<T>;
}

export type RequestBody =
  | { readonly form: Readonly<Record<string, string>> }
  | { readonly json: unknown }
  /** @param type with its charset where it needs one, as in `application/xml; charset=utf-8` */
  | { readonly text: string; readonly type: string }
  | { readonly bytes: Uint8Array; readonly type: string }
  | { readonly multipart: readonly Part[] };

/** One field of a multipart form. */
export interface Part {
  readonly name: string;
  readonly content: string | Uint8Array;
  /** Makes it a file. */
  readonly filename?: string;
  /** Default: none for text, `application/octet-stream` for a file. */
  readonly type?: string;
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
      accept: ACCEPTS[request.expects ?? 'json'],
      'accept-encoding': 'identity',
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

const ACCEPTS = {
  json: 'application/json',
  text: 'application/xml, text/*;q=0.9, */*;q=0.1',
  html: 'text/html, application/xhtml+xml;q=0.9',
  bytes: '*/*',
} as const satisfies Record<Expected, string>;

function encodeBody<T>({ body }: HttpRequest<T>): { contentType?: string; body?: string | Uint8Array } {
  if (body === undefined) return {};
  if ('form' in body)
    return {
      contentType: 'application/x-www-form-urlencoded',
      body: new URLSearchParams(body.form).toString(),
    };
  if ('json' in body) return { contentType: 'application/json', body: JSON.stringify(body.json) };
  if ('text' in body) return { contentType: body.type, body: body.text };
  if ('bytes' in body) return { contentType: body.type, body: body.bytes };
  return multipart(body.multipart);
}

function checkedKey(key: string): string {
  if (/^[\x21-\x7e]{1,255}$/.test(key)) return key;
  throw new TypeError(`idempotency key ${JSON.stringify(key)}: use 1 to 255 visible ASCII characters`);
}
