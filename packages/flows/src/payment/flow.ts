import { defineFlow } from '@holdfast/engine';
import { KEPT } from '../kept.ts';
import type { Payments } from '../payments.ts';
import { charge } from '../settlement.ts';
import { PaymentInput, PaymentOutput, PaymentResults } from './schema.ts';

/** What who submits payments needs to know: all of the flow but its function. */
export const paymentContract = {
  name: 'payment',
  version: 2,
  input: PaymentInput,
  output: PaymentOutput,
  results: PaymentResults,
} as const;

/** Charges once. A declined card is a failed run with the provider's code. */
export function paymentFlow({ payments }: { readonly payments: Payments }) {
  return defineFlow({
    ...paymentContract,
    retention: KEPT,
    async run(ctx, input) {
      const { amount, currency, customerId, description } = input;
      const { chargeId } = await charge(ctx, payments, input);
      const payment = { id: ctx.runId, amount, currency, customerId, description };
      return { ...payment, status: 'completed', chargeId } as const;
    },
  });
}
