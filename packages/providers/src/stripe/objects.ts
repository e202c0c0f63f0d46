import { z } from 'zod';
import { ProviderId } from '../wire.ts';

const metadata = z.record(z.string(), z.string()).nullish();

/** What we read of Stripe's PaymentIntent. */
export const PaymentIntent = z.object({
  id: ProviderId,
  /** Stripe adds statuses; an unknown one is in doubt, not unreadable. */
  status: z.string(),
  amount: z.int(),
  currency: z.string().optional(),
  metadata,
  next_action: z.object({ redirect_to_url: z.object({ url: z.string().max(5_000) }).nullish() }).nullish(),
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
  metadata,
});
export type Refund = z.infer<typeof Refund>;

/** `has_more` is believed only where it is there: a server that leaves it out may have more. */
const listOf = <T extends z.ZodType>(item: T) =>
  z.object({ data: z.array(item), has_more: z.boolean().optional() });

export const PaymentIntentList = listOf(PaymentIntent);
export const RefundList = listOf(Refund);
