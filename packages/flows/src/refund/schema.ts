import { z } from 'zod';
import { Amount } from '../money.ts';

export const RefundInput = z.strictObject({
  /** The run that was paid: of a payment, or of an order. */
  paymentId: z.string(),
  chargeId: z.string(),
  amount: Amount,
  reason: z.string().trim().max(1_000).default(''),
});
export type RefundInput = z.infer<typeof RefundInput>;

export const RefundOutput = z.strictObject({ paymentId: z.string(), amount: Amount });

/** What is needed of a step's result to go on. */
export const RefundResults = { refund: z.looseObject({ refundId: z.string().min(1) }) } as const;
