import { InDoubtError, RejectedError, type StepCall } from '@holdfast/engine';
import type { ChargeRequest } from '@holdfast/flows';
import type { Refusal } from '../unwrap.ts';
import { effectMetadata } from './effect.ts';
import type { PaymentIntent } from './objects.ts';

export const CHARGE = {
  provider: 'payment',
  operation: 'charge',
  settlesDoubt: ({ status }: Refusal) => status === 402,
} as const;

/** Confirmed in the same request; with redirects ruled out, Stripe asks for no return_url. */
export function chargeForm(request: ChargeRequest, call: StepCall): Record<string, string> {
  const { amount, currency, paymentMethod, description } = request;
  return {
    amount: String(amount),
    currency,
    payment_method: paymentMethod,
    confirm: 'true',
    description,
    'automatic_payment_methods[enabled]': 'true',
    'automatic_payment_methods[allow_redirects]': 'never',
    ...effectMetadata(call),
  };
}

/** Money was taken, or may still be: any status but those of a definite no. */
export function takesMoney({ status }: PaymentIntent): boolean {
  return !['requires_payment_method', 'requires_action', 'canceled'].includes(status);
}

/** @throws RejectedError for a definite no, InDoubtError while the intent may yet succeed. */
export function readCharge(intent: PaymentIntent, { amount }: ChargeRequest): { readonly chargeId: string } {
  const { provider, operation } = CHARGE;
  const details = { provider, operation, paymentIntent: intent.id, paymentStatus: intent.status };
  const rejected = (code: string, message: string, more: object = {}) =>
    new RejectedError({
      ...{ code, message: `payment charge: ${message}`, details: { ...details, ...more } },
      // the intent that the key stands for
      settlesDoubt: true,
    });

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
