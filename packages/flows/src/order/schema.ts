import { z } from 'zod';
import { readMailbox } from '../mailbox.ts';
import { amountFault, Currency, LARGEST_AMOUNT, MAX_AMOUNT } from '../money.ts';
import { PaymentMethods, ReturnUrl } from '../payments.ts';

const text = (max: number) => z.string().trim().min(1).max(max);

const address = {
  name: text(200),
  line1: text(200),
  line2: text(200).optional(),
  city: text(100),
  state: text(100).optional(),
  country: z.string().regex(/^[A-Z]{2}$/, 'must be an ISO 3166-1 alpha-2 code such as "US"'),
};

/** Where post is delivered without a code. */
const WITHOUT_POSTAL_CODES = new Set([
  ...['AE', 'AG', 'AO', 'AW', 'BF', 'BI', 'BJ', 'BO', 'BS', 'BW', 'BZ', 'CD', 'CF', 'CG', 'CI', 'CK', 'CM'],
  ...['DJ', 'DM', 'ER', 'FJ', 'GA', 'GD', 'GH', 'GM', 'GQ', 'GY', 'HK', 'JM', 'KI', 'KM', 'KN', 'KP', 'LC'],
  ...['LY', 'ML', 'MO', 'MR', 'MW', 'NR', 'NU', 'PA', 'QA', 'RW', 'SB', 'SC', 'SL', 'SO', 'SR', 'SS', 'ST'],
  ...['SY', 'TD', 'TG', 'TK', 'TL', 'TO', 'TT', 'TV', 'UG', 'VU', 'YE', 'ZW'],
]);

export const Address = z
  .strictObject({
    ...address,
    postalCode: text(20)
      .optional()
      .meta({ description: 'Left out where there are none, as in HK, AE and QA.' }),
  })
  .superRefine(({ postalCode, country }, ctx) => {
    if (postalCode !== undefined || WITHOUT_POSTAL_CODES.has(country)) return;
    ctx.addIssue({
      code: 'custom',
      path: ['postalCode'],
      message: `is missing; ${country} has postal codes`,
    });
  });
export type Address = z.infer<typeof Address>;

/** An address that real people have: RFC 5321, and 6531 for what is beyond ASCII. Names in quotation marks are not taken. */
const EmailAddress = z
  .string()
  .max(254)
  .superRefine((text, ctx) => {
    const read = readMailbox(text);
    const message =
      'fault' in read ? read.fault : read.domain.includes('.') ? undefined : 'its domain has no dot';
    if (message) ctx.addIssue({ code: 'custom', message: `is no mail address: ${message}` });
  })
  .meta({ description: 'A mail address, beyond ASCII too.' });

export const Item = z.strictObject({
  sku: text(100),
  quantity: z.int().min(1).max(1_000_000),
  /** Minor units. */
  unitAmount: z.int().min(0).max(LARGEST_AMOUNT),
});
export type Item = z.infer<typeof Item>;

const order = { items: z.array(Item).min(1).max(500), paymentMethod: text(200) };
const person = { id: text(100), name: text(200) };

export const OrderInput = z
  .strictObject({
    ...order,
    customer: z.strictObject({ ...person, email: EmailAddress }),
    currency: Currency,
    shipTo: Address,
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
  .strictObject({
    ...order,
    customer: z.strictObject({ ...person, email: z.email().max(254) }),
    currency: z.string().regex(/^[a-z]{3}$/),
    shipTo: z.strictObject({ ...address, postalCode: text(20) }),
  })
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
