import { defineFlow } from '@holdfast/engine';
import { KEPT } from '../kept.ts';
import type { Payments } from '../payments.ts';
import { RefundInput, RefundOutput } from './schema.ts';

/** Of runs that were accepted before version 2. */
export const refundContractV1 = {
  name: 'refund',
  version: 1,
  input: RefundInput,
  output: RefundOutput,
} as const;

/** As it was: a refund that the provider has taken on counts as paid. */
export function refundFlowV1({ payments }: { readonly payments: Payments }) {
  return defineFlow({
    ...refundContractV1,
    retention: KEPT,
    async run(ctx, { paymentId, chargeId, amount }) {
      await ctx.step('refund', {
        run: (call) => payments.v1.refund({ chargeId, amount }, call),
        whenInDoubt: 'repeat',
      });
      return { paymentId, amount };
    },
  });
}
