import { z } from 'zod';
import { amountFault, Currency, LARGEST_AMOUNT, MAX_AMOUNT } from '../money.ts';
import { PaymentMethods, ReturnUrl } from '../payments.ts';

const text = (max: number) => z.string().trim().min(1).max(max);

export const Address = z.strictObject({
  name: text(200),
  line1: text(200),
  line2: text(200).optional(),
  city: text(100),
  state: text(100).optional(),
  postalCode: text(20),
  country: z.string().regex(/^[A-Z]{2}$/, 'must be an ISO 3166-1 alpha-2 code such as "US"'),
});
export type Address = z.infer<typeof Address>;

export const Item = z.strictObject({
  sku: text(100),
  quantity: z.int().min(1).max(1_000_000),
  /** Minor units. */
  unitAmount: z.int().min(0).max(LARGEST_AMOUNT),
});
export type Item = z.infer<typeof Item>;

const order = {
  customer: z.strictObject({ id: text(100), email: z.email().max(254), name: text(200) }),
  items: z.array(Item).min(1).max(500),
  paymentMethod: text(200),
  shipTo: Address,
};

export const OrderInput = z
  .strictObject({
    ...order,
    currency: Currency,
    paymentMethods: PaymentMethods.optional(),
    returnUrl: ReturnUrl.optional(),
  })
  .superRefine(({ items, currency }, ctx) => {
    const fault = z.array(Item).safeParse(items).success && amountFault(totalOf(items), currency);
    if (fault)
      ctx.addIssue({ code: 'custom', path: ['items'], message: `the sum of quantity × unitAmount ${fault}` });
  });
export type OrderInput = z.infer<typeof OrderInput>;

export const OrderOutput = z.strictObject({
  chargeId: z.string(),
  reservationId: z.string(),
  trackingNumber: z.string(),
  messageId: z.string().optional().meta({
    description:
      'Absent when the mail was refused, or nobody knows whether it was sent: see `warnings` of the run.',
  }),
});
export type OrderOutput = z.infer<typeof OrderOutput>;

/** Of runs that were accepted before version 2. */
export const OrderInputV1 = z
  .strictObject({ ...order, currency: z.string().regex(/^[a-z]{3}$/) })
  .refine(({ items }) => totalOf(items) >= 1n && totalOf(items) <= BigInt(MAX_AMOUNT));

export const OrderOutputV1 = OrderOutput.required({ messageId: true });

/** What is needed of a step's result to go on; a label without its `labelId` cannot be voided later. */
export const OrderResults = {
  charge: z.looseObject({ chargeId: text(200) }),
  reserve: z.looseObject({ reservationId: text(200) }),
  ship: z.looseObject({ trackingNumber: text(200), labelId: text(200).optional() }),
  email: z.looseObject({ messageId: text(1_000) }),
} as const;

/** What the order costs, in minor units; exact at any size. */
export function totalOf(items: readonly Item[]): bigint {
  return items.reduce((sum, item) => sum + BigInt(item.quantity) * BigInt(item.unitAmount), 0n);
}
