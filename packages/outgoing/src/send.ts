import { redactShapes } from '@holdfast/engine';
import { readRetryAfter } from '@holdfast/http';
import { Webhook } from 'standardwebhooks';
import { type Dispatcher, request } from 'undici';
import type { EndpointGuard } from './guard.ts';
import { EndpointRefusedError } from './refusal.ts';

/** How one request went. */
export type Answer =
  | {
      readonly kind: 'answered';
      readonly status: number;
      readonly latencyMs: number;
      /** The first characters of the answer's body, without what looks like a secret, a card or a mail address. */
      readonly excerpt: string;
      /** How long the endpoint wants to be left alone. */
      readonly retryAfterMs?: number;
    }
  | {
      readonly kind: 'unanswered';
      readonly latencyMs: number;
      /** For people: what went wrong. */
      readonly reason: string;
      readonly timedOut: boolean;
    };

export interface Message {
  /** The same on every try. */
  readonly id: string;
  readonly url: string;
  readonly body: string;
  /** All that sign now. */
  readonly secrets: readonly string[];
}

const ANSWERS_WITHIN_MS = 15_000;
const EXCERPT_BYTES = 1_024;
const EXCERPT_CHARS = 200;

/**
 * Sends one message, signed as Standard Webhooks says, with the time of this try. Follows no redirects.
 * @throws only when `signal` was aborted
 */
export async function send(
  guard: Pick<EndpointGuard, 'agent'>,
  { id, url, body, secrets }: Message,
  signal: AbortSignal,
  timeoutMs: number = ANSWERS_WITHIN_MS,
): Promise<Answer> {
  const now = new Date();
  const began = performance.now();
  const latency = () => Math.round(performance.now() - began);
  const late = AbortSignal.timeout(timeoutMs);
  try {
    const response = await request(url, {
      ...{ method: 'POST', body, dispatcher: guard.agent, signal: AbortSignal.any([signal, late]) },
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Holdfast (+webhooks)',
        'webhook-id': id,
        'webhook-timestamp': String(Math.floor(now.getTime() / 1_000)),
        'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, now, body)).join(' '),
      },
    });
    const excerpt = await firstOf(response.body);
    return {
      ...{ kind: 'answered', status: response.statusCode, latencyMs: latency(), excerpt },
      ...retryAfter(response.headers),
    };
  } catch (error) {
    signal.throwIfAborted();
    const timedOut = late.aborted || codeOf(error) === 'UND_ERR_CONNECT_TIMEOUT';
    return { kind: 'unanswered', latencyMs: latency(), timedOut, reason: reasonOf(error, timedOut) };
  }
}

/** The rest is not read: the connection is closed. */
async function firstOf(body: Dispatcher.ResponseData['body']): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes >= EXCERPT_BYTES) break;
  }
  const text = Buffer.concat(chunks).subarray(0, EXCERPT_BYTES).toString('utf8');
  // redacted before it is cut: half a secret is not recognized
  return redactShapes(text.replaceAll(/[\p{Cc}\s]+/gu, ' '))
    .trim()
    .slice(0, EXCERPT_CHARS);
}

function retryAfter(headers: Dispatcher.ResponseData['headers']): { retryAfterMs?: number } {
  const one = (name: string) => {
    const value = headers[name];
    return typeof value === 'string' ? value : undefined;
  };
  const { retryAfterMs } = readRetryAfter(one('retry-after'), one('date'), Date.now());
  return retryAfterMs === undefined ? {} : { retryAfterMs };
}

function reasonOf(error: unknown, timedOut: boolean): string {
  if (error instanceof EndpointRefusedError) return error.message;
  if (timedOut) return 'The endpoint did not answer in time.';
  return `The request failed: ${codeOf(error) ?? (error instanceof Error ? error.name : 'unknown')}.`;
}

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  return codeOf(error.cause);
}
