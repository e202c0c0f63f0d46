import { InDoubtError, RejectedError, type StepCall } from '@holdfast/engine';
import type { Charge, ChargedAmount, ChargeRequest } from '@holdfast/flows';
import { type Refusal, unwrap } from '@holdfast/http';
import { effectMetadata } from './effect.ts';
import { PaymentIntent } from './objects.ts';
import { findCharges, theEffect } from './played-back.ts';
import type { StripeHttp } from './stripe-http.ts';

export const CHARGE = {
  provider: 'payment',
  operation: 'charge',
  settlesDoubt: ({ status }: Refusal) => status === 402,
} as const;

/** The name of an account, by which inputs give it a payment method of its own. */
export type Account = 'payment' | 'payment-fallback';

/**
 * Confirmed in the same request. Ids of customers are known to the first account only; one that is not Stripe's is kept for people to
 * find. Without a way back for the customer, methods that need one are ruled out.
 */
export function chargeForm(request: ChargeRequest, call: StepCall, account: Account): Record<string, string> {
  const { amount, currency, customerId, description, returnUrl } = request;
  const known = account === 'payment' && /^cus_[A-Za-z0-9]+$/.test(customerId);
  return {
    amount: String(amount),
    currency,
    payment_method: request.paymentMethods?.[account] ?? request.paymentMethod,
    ...(known && { customer: customerId }),
    confirm: 'true',
    description,
    'automatic_payment_methods[enabled]': 'true',
    ...(returnUrl === undefined
      ? { 'automatic_payment_methods[allow_redirects]': 'never' }
      : { return_url: returnUrl }),
    ...(!known && { 'metadata[customer]': customerId }),
    ...effectMetadata(call),
  };
}

/** Makes the intent that stands under the call's key, or finds it where the key only plays a failure back. */
export async function makeIntent(
  stripe: StripeHttp,
  form: Record<string, string>,
  call: StepCall,
  tookHold: (intent: PaymentIntent) => boolean,
): Promise<PaymentIntent> {
  const outcome = await stripe.post('/v1/payment_intents', form, call, PaymentIntent);
  return outcome.kind === 'in_doubt' && outcome.playedBack
    ? theEffect(await findCharges(stripe, call), tookHold, outcome, { call, operation: CHARGE })
    : unwrap(outcome, CHARGE);
}

/** It stands, or may still come to something: any status but those of a definite no. */
export function standsOrMay({ status }: PaymentIntent): boolean {
  return !['requires_payment_method', 'canceled'].includes(status);
}

/**
 * How a charge stands.
 * @throws RejectedError for a definite no, InDoubtError for what is not what was asked for, or not known here
 */
export function readCharge(
  intent: PaymentIntent,
  charged: Pick<ChargedAmount, 'amount' | 'currency'>,
): Charge {
  const { id: chargeId, status } = intent;
  switch (status) {
    case 'succeeded':
      checkAmount(intent, charged);
      return { chargeId };
    case 'processing':
      return { chargeId, pending: true };
    case 'requires_action': {
      const url = intent.next_action?.redirect_to_url?.url;
      if (url) return { chargeId, pending: true, nextAction: { type: 'redirect', url } };
      throw refused(intent);
    }
    case 'requires_payment_method':
    case 'canceled':
      throw refused(intent);
    default:
      throw unknownStatus(intent);
  }
}

/** @throws InDoubtError when it is over something else than was asked for */
export function checkAmount(
  intent: PaymentIntent,
  { amount, currency }: Pick<ChargedAmount, 'amount' | 'currency'>,
): void {
  const other = intent.currency !== undefined && intent.currency !== currency;
  if (intent.amount === amount && !other) return;
  const is = `${intent.amount} minor units${other ? ` of ${intent.currency}` : ''}`;
  throw new InDoubtError({
    code: other ? 'payment_currency_differs' : 'payment_amount_differs',
    message: `payment charge: ${intent.id} is over ${is}, ${amount} of ${currency} were asked for`,
    details: detailsOf(intent),
  });
}

export function unknownStatus(intent: PaymentIntent): InDoubtError {
  return new InDoubtError({
    code: 'payment_status_unknown',
    message: `payment charge: ${intent.id} has the status "${intent.status}", which is not known here`,
    details: detailsOf(intent),
  });
}

/** Why an intent came to nothing; it is the one that the key stands for, so nothing else is in doubt. */
export function refused(intent: PaymentIntent): RejectedError {
  const { code, message, more = {} } = reasonOf(intent);
  return new RejectedError({
    ...{ code, message: `payment charge: ${message}`, details: { ...detailsOf(intent), ...more } },
    settlesDoubt: true,
  });
}

function reasonOf({ status, last_payment_error }: PaymentIntent): {
  readonly code: string;
  readonly message: string;
  readonly more?: object;
} {
  if (status === 'canceled') return { code: 'payment_canceled', message: 'the payment was canceled' };
  if (status === 'requires_action')
    return {
      code: 'payment_action_required',
      message: 'the customer would have to confirm it, and there is no way to send them; give a returnUrl',
    };
  const { code, message, decline_code } = last_payment_error ?? {};
  return {
    code: code ?? 'payment_method_required',
    message: message ?? 'the payment method was not accepted',
    ...(decline_code !== undefined && { more: { declineCode: decline_code } }),
  };
}

export function detailsOf({ id, status }: PaymentIntent): Record<string, string> {
  return { provider: CHARGE.provider, operation: CHARGE.operation, paymentIntent: id, paymentStatus: status };
}
