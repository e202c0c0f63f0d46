import type { NewEffect } from '../ledger.ts';
import type { IntentIn, Refund } from './records.ts';

/** Money taken. */
export function chargeEffect(intent: IntentIn<'succeeded'>, idempotencyKey: string | null): NewEffect {
  const { id, amount, currency, metadata } = intent;
  const reference = metadata.run ?? id;
  return { operation: 'charge', reference, idempotencyKey, id, amount, currency, ...run(metadata.run) };
}

/** Money paid back. */
export function refundEffect(
  refund: Refund,
  runId: string | undefined,
  idempotencyKey: string | null,
): NewEffect {
  const { id, intentId, amount, currency } = refund;
  const facts = { id, paymentIntent: intentId, amount, currency };
  return { operation: 'refund', reference: runId ?? id, idempotencyKey, ...facts, ...run(runId) };
}

function run(runId: string | undefined): { readonly run?: string } {
  return runId === undefined ? {} : { run: runId };
}
