import { SAMPLE_ORDER } from '@holdfast/local';

export type Order = typeof SAMPLE_ORDER;

/** Orders by what becomes of them when nothing else goes wrong. */
export const ORDERS = {
  good: SAMPLE_ORDER,
  declined: { ...SAMPLE_ORDER, paymentMethod: 'pm_card_chargeDeclined' },
  insufficientFunds: { ...SAMPLE_ORDER, paymentMethod: 'pm_card_chargeDeclinedInsufficientFunds' },
  outOfStock: { ...SAMPLE_ORDER, items: [{ sku: 'SOLD-OUT-TEE', quantity: 1, unitAmount: 2500 }] },
  badAddress: { ...SAMPLE_ORDER, shipTo: { ...SAMPLE_ORDER.shipTo, country: 'ZZ' } },
} satisfies Record<string, Order>;

/** What the order costs, in minor units. */
export function amountOf({ items }: Order): number {
  return items.reduce((sum, { quantity, unitAmount }) => sum + quantity * unitAmount, 0);
}

/** A text as an Idempotency-Key. */
export function keyOf(text: string): string {
  return text.replaceAll(/[^\w]+/g, '-');
}
