import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { createHttpClient, type HttpClient, type HttpClientOptions } from '../src/client.ts';
import type { HttpRequest } from '../src/request.ts';

export const Answer = z.object({ id: z.string() });

/** A client with short limits, closed with the test. */
export function client(baseUrl: string, options: Partial<HttpClientOptions> = {}): HttpClient {
  const http = createHttpClient({
    baseUrl,
    connectTimeoutMs: 1_000,
    headersTimeoutMs: 5_000,
    bodyTimeoutMs: 5_000,
    maxResponseBytes: 100_000,
    ...options,
  });
  onTestFinished(() => http.close());
  return http;
}

export function post(more: Partial<HttpRequest<{ id: string }>> = {}): HttpRequest<{ id: string }> {
  return {
    method: 'POST',
    path: '/things',
    body: { json: { name: 'a' } },
    signal: new AbortController().signal,
    schema: Answer,
    ...more,
  };
}
