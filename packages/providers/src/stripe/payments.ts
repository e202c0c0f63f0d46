import { InDoubtError, RejectedError, type StepCall } from '@holdfast/engine';
import type { ChargeRequest, Payments } from '@holdfast/flows';
import { bearer, createHttpClient, type HttpClient } from '@holdfast/http';
import { HTTP_LIMITS } from '../http-limits.ts';
import { unwrap } from '../unwrap.ts';
import { readStripeError } from './errors.ts';
import { PaymentIntent, Refund, RefundList } from './objects.ts';

/** The API's shapes as they were read when this was written; Stripe keeps serving them. */
const STRIPE_VERSION = '2026-10-28.endive';

export interface StripePaymentsConfig {
  /** `https://api.stripe.com`, or the sandbox. */
  readonly url: string;
  /** A secret or restricted key. */
  readonly key: string;
}

/**
 * Payments over Stripe's API. Every request carries `call.idempotencyKey` and is the same bytes each time.
 *
 * Stripe remembers a key's first answer, for 24 hours at least, and plays it back; a 500 too. So an outcome that stays in doubt
 * through several attempts is not going to change under its key: the engine then parks the run, and a person looks it up.
 */
export function stripePayments({ url, key }: StripePaymentsConfig): Payments & { close(): Promise<void> } {
  const http = createHttpClient({
    baseUrl: url,
    auth: bearer(key),
    readError: readStripeError,
    ...HTTP_LIMITS,
  });
  return {
    async charge(request, call) {
      const outcome = await http.request({
        method: 'POST',
        path: '/v1/payment_intents',
        headers: VERSION,
        body: { form: chargeForm(request, call) },
        idempotencyKey: call.idempotencyKey,
        signal: call.signal,
        schema: PaymentIntent,
      });
      const intent = unwrap(outcome, CHARGE);
      return readCharge(
        intent.status === 'processing' ? await readAgain(http, intent, call) : intent,
        request,
      );
    },

    async refund(request, call) {
      const outcome = await http.request({
        method: 'POST',
        path: '/v1/refunds',
        headers: VERSION,
        body: { form: refundForm(request, call) },
        idempotencyKey: call.idempotencyKey,
        signal: call.signal,
        schema: Refund,
      });
      const known = outcome.kind === 'rejected' && outcome.code === 'charge_already_refunded';
      if (known && (await wasRefundedByUs(http, request, call))) return;
      checkRefund(unwrap(outcome, REFUND));
    },

    close: () => http.close(),
  };
}

const VERSION = { 'stripe-version': STRIPE_VERSION };
const CHARGE = { provider: 'payment', operation: 'charge' } as const;
const REFUND = { provider: 'payment', operation: 'refund' } as const;

/** Confirmed in the same request; with redirects ruled out, Stripe asks for no return_url. */
function chargeForm({ amount, currency, paymentMethod, description }: ChargeRequest, call: StepCall) {
  return {
    amount: String(amount),
    currency,
    payment_method: paymentMethod,
    confirm: 'true',
    description,
    'automatic_payment_methods[enabled]': 'true',
    'automatic_payment_methods[allow_redirects]': 'never',
    'metadata[run]': call.runId,
  };
}

function refundForm({ chargeId, amount }: { chargeId: string; amount: number }, call: StepCall) {
  return {
    payment_intent: chargeId,
    amount: String(amount),
    'metadata[run]': call.runId,
  };
}

/**
 * The answer to a charge is played back as it first was, so `processing` stays `processing` there: its present state has to be
 * read. While that cannot be had, the charge is in doubt, never unavailable: it was taken on, and may yet succeed.
 */
async function readAgain(http: HttpClient, { id }: PaymentIntent, call: StepCall): Promise<PaymentIntent> {
  const outcome = await http.request({
    method: 'GET',
    path: `/v1/payment_intents/${encodeURIComponent(id)}`,
    headers: VERSION,
    signal: call.signal,
    schema: PaymentIntent,
  });
  if (outcome.kind === 'ok') return outcome.value;
  return unwrap(
    { ...outcome, kind: 'in_doubt' },
    { provider: 'payment', operation: `charge (reading ${id})` },
  );
}

function readCharge(intent: PaymentIntent, { amount }: ChargeRequest): { chargeId: string } {
  const details = { ...CHARGE, paymentIntent: intent.id, paymentStatus: intent.status };
  const rejected = (code: string, message: string, more: object = {}) =>
    new RejectedError({ code, message: `payment charge: ${message}`, details: { ...details, ...more } });

  switch (intent.status) {
    case 'succeeded':
      if (intent.amount === amount) return { chargeId: intent.id };
      throw new InDoubtError({
        code: 'payment_amount_differs',
        message: `payment charge: ${intent.id} is over ${intent.amount} minor units, ${amount} were asked for`,
        details,
      });
    case 'processing':
      throw new InDoubtError({
        code: 'payment_processing',
        message: `payment charge: ${intent.id} is not settled yet`,
        details,
      });
    case 'requires_payment_method': {
      const { code, message, decline_code } = intent.last_payment_error ?? {};
      throw rejected(
        code ?? 'payment_method_required',
        message ?? 'the payment method was not accepted',
        decline_code === undefined ? {} : { declineCode: decline_code },
      );
    }
    case 'requires_action':
      throw rejected('payment_action_required', 'the customer would have to confirm it, and is not here');
    case 'canceled':
      throw rejected('payment_canceled', 'the payment was canceled');
    default:
      throw new InDoubtError({
        code: 'payment_status_unknown',
        message: `payment charge: ${intent.id} has the status "${intent.status}", which is not known here`,
        details,
      });
  }
}

/** `pending` is a refund that Stripe has taken on; it cannot be done twice. */
function checkRefund({ id, status }: Refund): void {
  if (status === 'succeeded' || status === 'pending') return;
  throw new RejectedError({
    code: 'refund_failed',
    message: `payment refund: ${id} is "${status}"; the money has not gone back`,
    details: { ...REFUND, refund: id, refundStatus: status },
  });
}

/**
 * Stripe forgets keys, so that a refund repeated late is refused as already done. It counts as ours only if this run stands on
 * it, with the same amount: a refund made by hand does not, and is for a person to judge.
 */
async function wasRefundedByUs(
  http: HttpClient,
  { chargeId, amount }: { readonly chargeId: string; readonly amount: number },
  call: StepCall,
): Promise<boolean> {
  const outcome = await http.request({
    method: 'GET',
    path: '/v1/refunds',
    query: { payment_intent: chargeId, limit: '100' },
    headers: VERSION,
    signal: call.signal,
    schema: RefundList,
  });
  if (outcome.kind === 'rejected') return false;
  const { data } = unwrap(outcome, { provider: 'payment', operation: 'refund (looking it up)' });
  return data.some(
    (refund) =>
      refund.metadata?.run === call.runId &&
      refund.amount === amount &&
      (refund.status === 'succeeded' || refund.status === 'pending'),
  );
}
