import { defineFlow } from '@holdfast/engine';
import { z } from 'zod';
import { Amount, Currency } from '../money.ts';
import type { Payments } from '../payments.ts';

export const PaymentInput = z.strictObject({
  amount: Amount,
  currency: Currency,
  customerId: z.string().trim().min(1).max(100),
  paymentMethod: z.string().trim().min(1).max(200),
  description: z.string().trim().max(1_000).default(''),
});
export type PaymentInput = z.infer<typeof PaymentInput>;

/** A payment as it stood when it was completed; refunds are runs of their own that draw upon it. */
export const PaymentOutput = z.strictObject({
  id: z.string(),
  amount: Amount,
  currency: Currency,
  customerId: z.string(),
  description: z.string(),
  status: z.literal('completed'),
  chargeId: z.string(),
});
export type PaymentOutput = z.infer<typeof PaymentOutput>;

/** What who submits payments needs to know: all of the flow but its function. */
export const paymentContract = {
  name: 'payment',
  version: 1,
  input: PaymentInput,
  output: PaymentOutput,
  /** What is needed of a step's result to go on. */
  results: { charge: z.looseObject({ chargeId: z.string().min(1) }) },
} as const;

/** Charges a card once. A declined card is a failed run with the provider's code. */
export function paymentFlow({ payments }: { readonly payments: Payments }) {
  return defineFlow({
    ...paymentContract,
    async run(ctx, { amount, currency, customerId, paymentMethod, description }) {
      const { chargeId } = await ctx.step('charge', {
        run: (call) => payments.charge({ amount, currency, paymentMethod, description }, call),
        undo: (charge, call) => payments.refund({ chargeId: charge.chargeId, amount }, call),
        whenInDoubt: 'repeat',
      });
      return {
        id: ctx.runId,
        amount,
        currency,
        customerId,
        description,
        status: 'completed',
        chargeId,
      } as const;
    },
  });
}
