import type { Json } from '@holdfast/engine';
import { type Delivery, type Headers, headerOf, type Scheme, standardHeader } from './schemes.ts';

/** A verified delivery, as a mapping gets it. */
export interface WebhookEvent {
  /** The sender's. */
  readonly id: string;
  /** The source's name in the config. */
  readonly source: string;
  /** The sender's, such as `payment_intent.succeeded`. */
  readonly type: string;
  /** ISO 8601. */
  readonly receivedAt: string;
  /** Lower-case names; without signatures and credentials. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: { readonly [member: string]: Json };
}

/** What a delivery is about; undefined when it has no id, no type, or a body that is no JSON object. */
export type Identified = Pick<WebhookEvent, 'id' | 'type' | 'body'>;

const MAX_NAME = 200;

/** @returns undefined when it has no id of visible ASCII, no type, or a body that is no JSON object */
export function identify(scheme: Scheme, { headers, body: bytes }: Delivery): Identified | undefined {
  const body = objectIn(bytes);
  if (!body) return undefined;
  const id = idOf(scheme, headers, body);
  const type = scheme === 'github' ? headerOf(headers, 'x-github-event') : body.type;
  if (typeof id !== 'string' || !isName(id) || typeof type !== 'string' || !isName(type)) return undefined;
  return { id, type, body };
}

function idOf(scheme: Scheme, headers: Headers, body: WebhookEvent['body']): Json | undefined {
  switch (scheme) {
    case 'stripe':
      return body.id;
    case 'standard':
      return standardHeader(headers, 'id');
    case 'github':
      return headerOf(headers, 'x-github-delivery');
    case 'generic':
      return headerOf(headers, 'x-webhook-id');
  }
}

/** Of one line, so that it can stand in keys, lists and logs. */
function isName(text: string): boolean {
  return text.length <= MAX_NAME && /^[\x21-\x7e]+$/.test(text);
}

function objectIn(bytes: Uint8Array): WebhookEvent['body'] | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as WebhookEvent['body'])
      : undefined;
  } catch {
    return undefined;
  }
}

const SECRET = /signature|authorization|cookie|token|secret|api-key/;

/** Those that a mapping may go by. */
export function keptHeaders(headers: Headers): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      typeof value === 'string' && !SECRET.test(name) && value.length <= 1_000 ? [[name, value]] : [],
    ),
  );
}
