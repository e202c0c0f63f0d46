import { defineFlow } from '@holdfast/engine';
import { z } from 'zod';
import { KEPT } from '../kept.ts';
import { MAX_AMOUNT } from '../money.ts';
import type { Payments } from '../payments.ts';
import { PaymentOutput, PaymentResults } from './schema.ts';

const PaymentInputV1 = z.strictObject({
  amount: z.int().min(1).max(MAX_AMOUNT),
  currency: z.string().regex(/^[a-z]{3}$/),
  customerId: z.string().trim().min(1).max(100),
  paymentMethod: z.string().trim().min(1).max(200),
  description: z.string().trim().max(1_000).default(''),
});

/** Of runs that were accepted before version 2. */
export const paymentContractV1 = {
  name: 'payment',
  version: 1,
  input: PaymentInputV1,
  output: PaymentOutput,
  results: PaymentResults,
} as const;

/** As it was: what is not settled at once is asked for again and again. */
export function paymentFlowV1({ payments }: { readonly payments: Payments }) {
  return defineFlow({
    ...paymentContractV1,
    retention: KEPT,
    async run(ctx, { amount, currency, customerId, paymentMethod, description }) {
      const { chargeId } = await ctx.step('charge', {
        run: (call) => payments.v1.charge({ amount, currency, paymentMethod, description }, call),
        undo: (charge, call) => payments.v1.refund({ chargeId: charge.chargeId, amount }, call),
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
