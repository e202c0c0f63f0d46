import type { z } from 'zod';

export interface Request {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly signal: AbortSignal;
}

export interface Reply<T> {
  readonly status: number;
  readonly headers: Headers;
  readonly body: T;
}

/**
 * One request; JSON out, JSON back.
 * @throws Error naming the request when the status is 400 or more, or the body is not what it should be
 */
export async function ask<S extends z.ZodType>(
  url: string,
  shape: S,
  { method = 'GET', headers = {}, body, signal }: Request,
): Promise<Reply<z.infer<S>>> {
  const response = await fetch(url, {
    method,
    headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
    body: body === undefined ? null : JSON.stringify(body),
    signal,
  });
  const text = await response.text();
  const where = `${method} ${url}`;
  if (!response.ok) throw new Error(`${where} answered ${response.status}: ${text.slice(0, 300)}`);
  const parsed = shape.safeParse(text === '' ? undefined : JSON.parse(text));
  if (!parsed.success)
    throw new Error(`${where} answered something else than expected: ${text.slice(0, 300)}`);
  return { status: response.status, headers: response.headers, body: parsed.data };
}
