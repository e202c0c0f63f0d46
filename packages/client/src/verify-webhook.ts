import { Webhook } from 'standardwebhooks';
import type { Run } from './flow-types.ts';

export interface WebhookEvent {
  /** Such as `run.completed`. */
  readonly type: string;
  /** When it happened, ISO 8601. */
  readonly timestamp: string;
  readonly data: {
    /** As it stood then. Absent in `webhook.test`. */
    readonly run?: Run;
    /** Of `payment.*`: as `GET /v1/payments/{id}` shows it. */
    readonly payment?: Readonly<Record<string, unknown>>;
    /** Of an event that a flow emitted: what it gave with it. */
    readonly payload?: unknown;
  };
}

/**
 * Checks the signature and age of a webhook that Holdfast sent (Standard Webhooks).
 * @param rawBody as it came, before anything parsed it
 * @param secret `whsec_…`
 * @throws WebhookVerificationError (of the package `standardwebhooks`) when the signature is missing, wrong or older than 5 minutes
 */
export function verifyWebhook(
  rawBody: string | Uint8Array,
  headers: Headers | Readonly<Record<string, string | readonly string[] | undefined>>,
  secret: string,
): WebhookEvent {
  const entries = headers instanceof Headers ? [...headers] : Object.entries(headers);
  const plain = Object.fromEntries(
    entries.flatMap(([name, value]) => (typeof value === 'string' ? [[name.toLowerCase(), value]] : [])),
  );
  const text = typeof rawBody === 'string' ? rawBody : new TextDecoder().decode(rawBody);
  // signed by Holdfast, so it has the shape that Holdfast sends
  return new Webhook(secret).verify(text, plain) as WebhookEvent;
}
