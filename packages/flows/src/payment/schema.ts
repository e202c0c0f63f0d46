import { z } from 'zod';
import { Amount, amountFault, Currency } from '../money.ts';
import { PaymentMethods, ReturnUrl } from '../payments.ts';

export const PaymentInput = z
  .strictObject({
    amount: Amount,
    currency: Currency,
    customerId: z.string().trim().min(1).max(100),
    paymentMethod: z.string().trim().min(1).max(200),
    paymentMethods: PaymentMethods.optional(),
    returnUrl: ReturnUrl.optional(),
    description: z.string().trim().max(1_000).default(''),
  })
  .superRefine(({ amount, currency }, ctx) => {
    const message = Amount.safeParse(amount).success && amountFault(BigInt(amount), currency);
    if (message) ctx.addIssue({ code: 'custom', path: ['amount'], message });
  });
export type PaymentInput = z.infer<typeof PaymentInput>;

/** A payment as it stood when it was completed; refunds are runs of their own that draw upon it. */
export const PaymentOutput = z.strictObject({
  id: z.string(),
  amount: Amount,
  currency: z.string(),
  customerId: z.string(),
  description: z.string(),
  status: z.literal('completed'),
  chargeId: z.string(),
});
export type PaymentOutput = z.infer<typeof PaymentOutput>;

/** What is needed of a step's result to go on. */
export const PaymentResults = { charge: z.looseObject({ chargeId: z.string().min(1) }) } as const;
