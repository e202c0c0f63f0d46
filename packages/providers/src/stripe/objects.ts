import { z } from 'zod';
import { ProviderId } from '../wire.ts';

/** What we read of Stripe's PaymentIntent. */
export const PaymentIntent = z.object({
  id: ProviderId,
  /** Stripe adds statuses; an unknown one is in doubt, not unreadable. */
  status: z.string(),
  amount: z.int(),
  last_payment_error: z
    .object({
      code: z.string().optional(),
      decline_code: z.string().optional(),
      message: z.string().optional(),
    })
    .nullish(),
});
export type PaymentIntent = z.infer<typeof PaymentIntent>;

/** What we read of Stripe's Refund. */
export const Refund = z.object({
  id: ProviderId,
  status: z.string().nullable(),
  amount: z.int(),
  metadata: z.record(z.string(), z.string()).nullish(),
});
export type Refund = z.infer<typeof Refund>;

export const RefundList = z.object({ data: z.array(Refund) });
