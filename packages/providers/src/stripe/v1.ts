import { InDoubtError, type StepCall } from '@holdfast/engine';
import type { PaymentsOfVersion1 } from '@holdfast/flows';
import { unwrap } from '@holdfast/http';
import { checkAmount, detailsOf, makeIntent, refused, unknownStatus } from './charge.ts';
import { effectMetadataV1 } from './effect.ts';
import { PaymentIntent, type Refund } from './objects.ts';
import { makeRefund, notPaidBack } from './refund.ts';
import type { StripeHttp } from './stripe-http.ts';

type ChargeRequest = Parameters<PaymentsOfVersion1['charge']>[0];

/** Charges and refunds for runs of version 1: the same bytes as ever, and only what is settled is done. */
export function stripePaymentsV1(stripe: StripeHttp): PaymentsOfVersion1 {
  return {
    async charge(request, call) {
      const intent = await makeIntent(stripe, chargeForm(request, call), call, takesMoney);
      return readCharge(
        intent.status === 'processing' ? await readAgain(stripe, intent, call) : intent,
        request,
      );
    },

    async refund(request, call) {
      const refund = await makeRefund(stripe, request, effectMetadataV1(call), call);
      if (!paidBack(refund)) throw notPaidBack(refund);
    },
  };
}

/** Confirmed in the same request; with redirects ruled out, Stripe asks for no return_url. */
function chargeForm(request: ChargeRequest, call: StepCall): Record<string, string> {
  const { amount, currency, paymentMethod, description } = request;
  return {
    amount: String(amount),
    currency,
    payment_method: paymentMethod,
    confirm: 'true',
    description,
    'automatic_payment_methods[enabled]': 'true',
    'automatic_payment_methods[allow_redirects]': 'never',
    ...effectMetadataV1(call),
  };
}

function takesMoney({ status }: PaymentIntent): boolean {
  return !['requires_payment_method', 'requires_action', 'canceled'].includes(status);
}

function paidBack({ status }: Refund): boolean {
  return status === 'succeeded' || status === 'pending';
}

/** @throws RejectedError for a definite no, InDoubtError while the intent may yet succeed */
function readCharge(intent: PaymentIntent, request: ChargeRequest): { readonly chargeId: string } {
  const { id, status } = intent;
  switch (status) {
    case 'succeeded':
      checkAmount(intent, request);
      return { chargeId: id };
    case 'processing':
      throw new InDoubtError({
        code: 'payment_processing',
        message: `payment charge: ${id} is not settled yet`,
        details: detailsOf(intent),
      });
    case 'requires_payment_method':
    case 'requires_action':
    case 'canceled':
      throw refused(intent);
    default:
      throw unknownStatus(intent);
  }
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
