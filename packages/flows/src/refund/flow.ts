import { defineFlow } from '@holdfast/engine';
import { KEPT } from '../kept.ts';
import type { Payments } from '../payments.ts';
import { refund } from '../settlement.ts';
import { RefundInput, RefundOutput, RefundResults } from './schema.ts';

/** What who submits refunds needs to know: all of the flow but its function. */
export const refundContract = {
  name: 'refund',
  version: 2,
  input: RefundInput,
  output: RefundOutput,
  results: RefundResults,
} as const;

/**
 * Pays back a part of a payment or order, or all of it. The amount was drawn from its run when the refund was created, and goes back
 * there if it fails.
 */
export function refundFlow({ payments }: { readonly payments: Payments }) {
  return defineFlow({
    ...refundContract,
    retention: KEPT,
    async run(ctx, { paymentId, chargeId, amount }) {
      await refund(ctx, payments, { chargeId, amount });
      return { paymentId, amount };
    },
  });
}
