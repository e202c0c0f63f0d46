import type { Decline, Intent, Refund } from './records.ts';

/** What Stripe's API shows of an intent. @param refunded minor units paid back so far */
export function intentObject(
  intent: Intent,
  refunded: number,
  expand: readonly string[] = [],
): Record<string, unknown> {
  const chargeId = chargeOf(intent);
  const { id, amount, currency, created, description, metadata, status } = intent;
  return {
    id,
    object: 'payment_intent',
    amount,
    amount_received: status === 'succeeded' ? amount : 0,
    automatic_payment_methods: null,
    canceled_at: status === 'canceled' ? created : null,
    capture_method: 'automatic',
    client_secret: `${id}_secret_sandbox`,
    confirmation_method: 'automatic',
    created,
    currency,
    customer: null,
    description,
    last_payment_error:
      status === 'requires_payment_method' && intent.failure
        ? declineFacts(intent.failure.decline, intent.failure.chargeId)
        : null,
    latest_charge:
      chargeId && expand.includes('latest_charge') ? chargeObject(intent, chargeId, refunded) : chargeId,
    livemode: false,
    metadata,
    next_action:
      intent.status === 'requires_action'
        ? {
            type: 'redirect_to_url',
            redirect_to_url: { url: intent.actionUrl, return_url: intent.returnUrl ?? null },
          }
        : null,
    payment_method: 'paymentMethod' in intent ? intent.paymentMethod : null,
    payment_method_types: ['card'],
    receipt_email: null,
    setup_future_usage: null,
    shipping: null,
    statement_descriptor: null,
    statement_descriptor_suffix: null,
    transfer_group: null,
    ...intent.shown,
    status,
  };
}

export function refundObject(refund: Refund): Record<string, unknown> {
  const { id, amount, chargeId, created, currency, metadata, intentId, reason, status } = refund;
  return {
    id,
    object: 'refund',
    amount,
    balance_transaction: null,
    charge: chargeId,
    created,
    currency,
    metadata,
    payment_intent: intentId,
    reason,
    ...(status === 'failed' && { failure_reason: 'lost_or_stolen_card' }),
    receipt_number: null,
    status,
  };
}

export function declineFacts({ code, declineCode, message }: Decline, chargeId: string) {
  return {
    type: 'card_error' as const,
    code,
    decline_code: declineCode,
    message,
    charge: chargeId,
    doc_url: `https://stripe.com/docs/error-codes/${code.replaceAll('_', '-')}`,
  };
}

function chargeOf(intent: Intent): string | null {
  if (intent.status === 'processing' || intent.status === 'succeeded') return intent.chargeId;
  return intent.status === 'requires_payment_method' ? (intent.failure?.chargeId ?? null) : null;
}

const CHARGE_STATUS = {
  requires_payment_method: 'failed',
  requires_confirmation: 'failed',
  requires_action: 'failed',
  canceled: 'failed',
  processing: 'pending',
  succeeded: 'succeeded',
} as const satisfies Record<Intent['status'], string>;

function chargeObject(intent: Intent, id: string, refunded: number): Record<string, unknown> {
  const paid = intent.status === 'succeeded';
  return {
    id,
    object: 'charge',
    amount: intent.amount,
    amount_captured: paid ? intent.amount : 0,
    amount_refunded: refunded,
    captured: paid,
    created: intent.created,
    currency: intent.currency,
    description: intent.description,
    livemode: false,
    metadata: intent.metadata,
    paid,
    payment_intent: intent.id,
    payment_method: 'paymentMethod' in intent ? intent.paymentMethod : null,
    refunded: paid && refunded === intent.amount,
    status: CHARGE_STATUS[intent.status],
  };
}
