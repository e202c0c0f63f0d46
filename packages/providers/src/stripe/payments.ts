import type { StepCall } from '@holdfast/engine';
import type { Payments } from '@holdfast/flows';
import { bearer, createHttpClient, type Guard } from '@holdfast/http';
import { HTTP_LIMITS } from '../http-limits.ts';
import { unwrap } from '../unwrap.ts';
import { CHARGE, chargeForm, readCharge, takesMoney } from './charge.ts';
import { isEffectOf } from './effect.ts';
import { readStripeError } from './errors.ts';
import { PaymentIntent, Refund } from './objects.ts';
import { findCharges, findRefunds, theEffect } from './played-back.ts';
import { checkRefund, paysBack, REFUND, type RefundRequest, refundForm } from './refund.ts';
import { StripeHttp } from './stripe-http.ts';

export interface StripePaymentsConfig {
  /** `https://api.stripe.com`, or the sandbox. */
  readonly url: string;
  /** A secret or restricted key. */
  readonly key: string;
}

/**
 * Payments over Stripe's API. Every request carries `call.idempotencyKey` and is the same bytes each time.
 *
 * Stripe remembers a key's first answer, for 24 hours at least, and plays it back; a 500 too. What happened is then looked up in
 * Stripe's lists; if nothing did, the next attempt gets a new key.
 */
export function stripePayments(
  { url, key }: StripePaymentsConfig,
  guard?: Guard,
): Payments & { close(): Promise<void> } {
  const stripe = new StripeHttp(
    createHttpClient({ baseUrl: url, auth: bearer(key), guard, readError: readStripeError, ...HTTP_LIMITS }),
  );
  return {
    async charge(request, call) {
      const form = chargeForm(request, call);
      const outcome = await stripe.post('/v1/payment_intents', form, call, PaymentIntent);
      const intent =
        outcome.kind === 'in_doubt' && outcome.playedBack
          ? theEffect(await findCharges(stripe, call), takesMoney, outcome, { call, operation: CHARGE })
          : unwrap(outcome, CHARGE);
      return readCharge(
        intent.status === 'processing' ? await readAgain(stripe, intent, call) : intent,
        request,
      );
    },

    async refund(request, call) {
      const outcome = await stripe.post('/v1/refunds', refundForm(request, call), call, Refund);
      if (outcome.kind === 'in_doubt' && outcome.playedBack) {
        const found = await findRefunds(stripe, request.chargeId, call);
        return checkRefund(theEffect(found, paysBack, outcome, { call, operation: REFUND }));
      }
      const known = outcome.kind === 'rejected' && outcome.code === 'charge_already_refunded';
      const ours = known ? await wasRefundedByUs(stripe, request, call) : undefined;
      if (ours) return;
      checkRefund(unwrap(outcome, { ...REFUND, settlesDoubt: () => ours === false }));
    },

    close: () => stripe.close(),
  };
}

/**
 * The answer to a charge is played back as it first was, so `processing` stays `processing` there: its present state has to be
 * read. While that cannot be had, the charge is in doubt, never unavailable: it was taken on, and may yet succeed.
 */
async function readAgain(stripe: StripeHttp, { id }: PaymentIntent, call: StepCall): Promise<PaymentIntent> {
  const path = `/v1/payment_intents/${encodeURIComponent(id)}`;
  const outcome = await stripe.get(path, {}, call, PaymentIntent);
  if (outcome.kind === 'ok') return outcome.value;
  return unwrap(
    { ...outcome, kind: 'in_doubt' },
    { provider: 'payment', operation: `charge (reading ${id})` },
  );
}

/**
 * Stripe forgets keys, so that a refund repeated late is refused as already done. It counts as ours only if this run stands on it, and
 * no other step of it, with the same amount: a refund made by hand does not, and is for a person to judge.
 * @returns undefined when Stripe would not tell
 */
async function wasRefundedByUs(
  stripe: StripeHttp,
  request: RefundRequest,
  call: StepCall,
): Promise<boolean | undefined> {
  const { chargeId, amount } = request;
  const found = await findRefunds(
    stripe,
    chargeId,
    call,
    (refund) => isOurs(call, refund) && refund.amount === amount && paysBack(refund),
  );
  if (found.read !== 'failed') return found.items.length > 0;
  if (found.trouble.kind === 'rejected' || found.trouble.kind === 'misconfigured') return undefined;
  return unwrap(found.trouble, { provider: 'payment', operation: 'refund (looking it up)' });
}

function isOurs(call: StepCall, refund: Refund): boolean {
  return isEffectOf(call, refund) || (refund.metadata?.run === call.runId && !refund.metadata.step);
}
