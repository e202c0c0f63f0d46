import { defineFlow } from '@holdfast/engine';
import { z } from 'zod';
import { Amount } from '../money.ts';
import type { Payments } from '../payments.ts';

export const RefundInput = z.strictObject({
  /** The payment's run. */
  paymentId: z.string(),
  chargeId: z.string(),
  amount: Amount,
  reason: z.string().trim().max(1_000).default(''),
});
export type RefundInput = z.infer<typeof RefundInput>;

export const RefundOutput = z.strictObject({ paymentId: z.string(), amount: Amount });

/** What who submits refunds needs to know: all of the flow but its function. */
export const refundContract = {
  name: 'refund',
  version: 1,
  input: RefundInput,
  output: RefundOutput,
} as const;

/** Pays back a part of a payment, or all of it. The amount was drawn from the payment when the run was created. */
export function refundFlow({ payments }: { readonly payments: Payments }) {
  return defineFlow({
    ...refundContract,
    async run(ctx, { paymentId, chargeId, amount }) {
      await ctx.step('refund', {
        run: (call) => payments.refund({ chargeId, amount }, call),
        whenInDoubt: 'repeat',
      });
      return { paymentId, amount };
    },
  });
}
