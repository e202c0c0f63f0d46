import { RejectedError, type StepCall } from '@holdfast/engine';
import type { ChargedAmount, Refund } from '@holdfast/flows';
import { unwrap } from '@holdfast/http';
import { isEffectOf } from './effect.ts';
import { Refund as StripeRefund } from './objects.ts';
import { findRefunds, theEffect } from './played-back.ts';
import type { StripeHttp } from './stripe-http.ts';

export const REFUND = { provider: 'payment', operation: 'refund' } as const;

export type RefundRequest = Pick<ChargedAmount, 'chargeId' | 'amount'>;

export function refundForm(
  { chargeId, amount }: RefundRequest,
  metadata: Readonly<Record<string, string>>,
): Record<string, string> {
  return { payment_intent: chargeId, amount: String(amount), ...metadata };
}

/** Makes the refund that stands under the call's key, or finds it where the key is forgotten or only plays a failure back. */
export async function makeRefund(
  stripe: StripeHttp,
  request: RefundRequest,
  metadata: Readonly<Record<string, string>>,
  call: StepCall,
): Promise<StripeRefund> {
  const outcome = await stripe.post('/v1/refunds', refundForm(request, metadata), call, StripeRefund);
  if (outcome.kind === 'in_doubt' && outcome.playedBack) {
    const found = await findRefunds(stripe, request.chargeId, call);
    return theEffect(found, paysBack, outcome, { call, operation: REFUND });
  }
  const known = outcome.kind === 'rejected' && outcome.code === 'charge_already_refunded';
  const ours = known ? await refundOfOurs(stripe, request, call) : undefined;
  if (ours && ours !== 'none') return ours;
  return unwrap(outcome, { ...REFUND, settlesDoubt: () => ours === 'none' });
}

/** As it stands now. */
export async function presentRefund(
  stripe: StripeHttp,
  refundId: string,
  call: StepCall,
): Promise<StripeRefund> {
  const path = `/v1/refunds/${encodeURIComponent(refundId)}`;
  return unwrap(await stripe.get(path, {}, call, StripeRefund), {
    provider: REFUND.provider,
    operation: 'refund (reading it)',
  });
}

/** A refund that Stripe has taken on; it cannot be done twice. */
export function paysBack({ status }: StripeRefund): boolean {
  return status === 'succeeded' || isPending({ status });
}

/** It may fail yet. */
export function isPending({ status }: Pick<StripeRefund, 'status'>): boolean {
  return status === 'pending' || status === 'requires_action';
}

/** @throws RejectedError for a refund that did not pay back */
export function readRefund(refund: StripeRefund): Refund {
  if (!paysBack(refund)) throw notPaidBack(refund);
  return { refundId: refund.id, ...(isPending(refund) && { pending: true }) };
}

export function notPaidBack({ id, status }: StripeRefund): RejectedError {
  return new RejectedError({
    code: 'refund_failed',
    message: `payment refund: ${id} is "${status}"; the money has not gone back`,
    details: { ...REFUND, refund: id, refundStatus: status },
    // the refund that the key stands for
    settlesDoubt: true,
  });
}

/**
 * Stripe forgets keys, so that a refund repeated late is refused as already done. It counts as ours only if this run stands on it, and
 * no other step of it, with the same amount: a refund made by hand does not, and is for a person to judge.
 * @returns undefined when Stripe would not tell
 */
async function refundOfOurs(
  stripe: StripeHttp,
  { chargeId, amount }: RefundRequest,
  call: StepCall,
): Promise<StripeRefund | 'none' | undefined> {
  const found = await findRefunds(
    stripe,
    chargeId,
    call,
    (refund) => isOurs(call, refund) && refund.amount === amount && paysBack(refund),
  );
  if (found.read !== 'failed') return found.items[0] ?? 'none';
  if (found.trouble.kind === 'rejected' || found.trouble.kind === 'misconfigured') return undefined;
  return unwrap(found.trouble, { provider: REFUND.provider, operation: 'refund (looking it up)' });
}

function isOurs(call: StepCall, refund: StripeRefund): boolean {
  return isEffectOf(call, refund) || (refund.metadata?.run === call.runId && !refund.metadata.step);
}
