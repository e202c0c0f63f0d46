import { type StepCall, ThrottledError } from '@holdfast/engine';
import type { ChargedAmount, Payments } from '@holdfast/flows';
import { bearer, createHttpClient, type Guard, type Reach, unwrap } from '@holdfast/http';
import { HTTP_LIMITS } from '../http-limits.ts';
import { type Account, chargeForm, makeIntent, readCharge, standsOrMay } from './charge.ts';
import { effectMetadata } from './effect.ts';
import { readStripeError } from './errors.ts';
import { PaymentIntent } from './objects.ts';
import { isPending, makeRefund, notPaidBack, paysBack, presentRefund, readRefund } from './refund.ts';
import { StripeHttp } from './stripe-http.ts';
import { stripePaymentsV1 } from './v1.ts';

export interface StripePaymentsConfig {
  /** `https://api.stripe.com`, or the sandbox. */
  readonly url: string;
  /** A secret or restricted key. */
  readonly key: string;
  readonly reach?: Reach | undefined;
  /** Default `payment`. */
  readonly account?: Account;
}

/**
 * Payments over Stripe's API. Every charge and refund carries `call.idempotencyKey` and is the same bytes each time.
 *
 * Stripe remembers a key's first answer, for 24 hours at least, and plays it back; a 500 too. What happened is then looked up in
 * Stripe's lists; if nothing did, the next attempt gets a new key.
 */
export function stripePayments(
  { url, key, reach, account = 'payment' }: StripePaymentsConfig,
  guard?: Guard,
): Payments & { close(): Promise<void> } {
  const stripe = new StripeHttp(
    createHttpClient({
      ...{ baseUrl: url, auth: bearer(key), guard, readError: readStripeError },
      ...HTTP_LIMITS,
      ...reach,
    }),
  );
  return {
    async charge(request, call) {
      const form = chargeForm(request, call, account);
      return readCharge(await makeIntent(stripe, form, call, standsOrMay), request);
    },

    async readCharge(charged, call) {
      return readCharge(await presentIntent(stripe, charged, call), charged);
    },

    async takeBack(charged, call) {
      if (charged.pending && (await endIntent(stripe, charged, call)) === 'canceled') return;
      const made = await makeRefund(stripe, charged, effectMetadata(call), call);
      // under its key the first answer is played back, whatever has become of it since
      const refund = isPending(made) ? await presentRefund(stripe, made.id, call) : made;
      if (!paysBack(refund)) throw notPaidBack(refund);
      if (isPending(refund))
        throw notYet('refund_pending', `the refund ${refund.id} is not settled yet`, call);
    },

    async refund(request, call) {
      return readRefund(await makeRefund(stripe, request, effectMetadata(call), call));
    },

    async readRefund(refundId, call) {
      return readRefund(await presentRefund(stripe, refundId, call));
    },

    async endRefund(refundId, call) {
      const refund = await presentRefund(stripe, refundId, call);
      if (isPending(refund))
        throw notYet('refund_pending', `the refund ${refundId} is not settled yet`, call);
      return paysBack(refund) ? 'stands' : undefined;
    },

    v1: stripePaymentsV1(stripe),
    close: () => stripe.close(),
  };
}

async function presentIntent(
  stripe: StripeHttp,
  { chargeId }: Pick<ChargedAmount, 'chargeId'>,
  call: StepCall,
): Promise<PaymentIntent> {
  const path = `/v1/payment_intents/${encodeURIComponent(chargeId)}`;
  return unwrap(await stripe.get(path, {}, call, PaymentIntent), {
    provider: 'payment',
    operation: 'charge (reading it)',
  });
}

/** Cancels an intent that has not come to anything, so that it never will. @throws ThrottledError while neither can be said */
async function endIntent(
  stripe: StripeHttp,
  charged: ChargedAmount,
  call: StepCall,
): Promise<'canceled' | 'succeeded'> {
  const { chargeId } = charged;
  const { status } = await presentIntent(stripe, charged, call);
  if (status === 'canceled' || status === 'succeeded') return status;
  // a debit on its way cannot be called back
  if (status === 'processing') throw notYet('payment_processing', `${chargeId} is not settled yet`, call);
  const path = `/v1/payment_intents/${encodeURIComponent(chargeId)}/cancel`;
  const outcome = await stripe.postUnkeyed(path, call, PaymentIntent);
  if (outcome.kind === 'ok' && outcome.value.status === 'canceled') return 'canceled';
  if (outcome.kind === 'ok' || (outcome.kind === 'rejected' && outcome.code === UNEXPECTED_STATE)) {
    throw notYet('payment_changing', `${chargeId} changed while it was being canceled`, call);
  }
  return unwrap(outcome, { provider: 'payment', operation: 'charge (canceling it)' });
}

const UNEXPECTED_STATE = 'payment_intent_unexpected_state';

const FIRST_LOOK_MS = 5_000;
const LAST_LOOK_MS = 3_600_000;

/** Nothing went wrong, and there is nothing to do but look again, less and less often. */
function notYet(code: string, message: string, { attempt }: StepCall): ThrottledError {
  const retryAfter = Math.min(FIRST_LOOK_MS * 2 ** Math.min(attempt - 1, 20), LAST_LOOK_MS);
  return new ThrottledError({ code, message: `payment: ${message}; it is asked again`, retryAfter });
}
