import { createHmac } from 'node:crypto';
import { unixSeconds } from './ids.ts';
import type { Notice } from './records.ts';

export interface WebhookTarget {
  readonly url: string;
  /** The whole string is the key, `whsec_` included, as Stripe has it. */
  readonly secret: string;
}

const ANSWER_WITHIN_MS = 20_000;

/** Sends an event the way Stripe does, signed afresh at each try. @throws when it is not taken with a 2xx */
export async function sendNotice(target: WebhookTarget, notice: Notice, signal: AbortSignal): Promise<void> {
  const body = JSON.stringify({
    id: notice.id,
    object: 'event',
    api_version: null,
    created: notice.created,
    data: { object: notice.object },
    livemode: false,
    pending_webhooks: 1,
    request: { id: null, idempotency_key: null },
    type: notice.type,
  });
  const response = await fetch(target.url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json; charset=utf-8',
      'stripe-signature': stripeSignature(target.secret, unixSeconds(), body),
    },
    body,
    redirect: 'manual',
    signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)]),
  });
  await response.body?.cancel();
  if (!response.ok) throw new Error(`${target.url} answered ${response.status}`);
}

/** https://docs.stripe.com/webhooks#verify-manually */
function stripeSignature(secret: string, timestamp: number, body: string): string {
  const signature = createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex');
  return `t=${timestamp},v1=${signature}`;
}
