/** An order that is valid, to change one thing at a time. */
export const ORDER = {
  customer: { id: 'cus_1', email: 'ada@example.com', name: 'Ada' },
  items: [{ sku: 'TEE-M', quantity: 2, unitAmount: 1900 }],
  currency: 'usd',
  paymentMethod: 'pm_card_visa',
  shipTo: { name: 'Ada', line1: '1 Main St', city: 'Springfield', postalCode: '12345', country: 'US' },
};

/** The same order with its members in another order, and spread over lines. */
export const SAME_ORDER_REORDERED = JSON.stringify(
  {
    shipTo: { country: 'US', postalCode: '12345', city: 'Springfield', line1: '1 Main St', name: 'Ada' },
    paymentMethod: 'pm_card_visa',
    currency: 'usd',
    items: [{ unitAmount: 1900, quantity: 2, sku: 'TEE-M' }],
    customer: { name: 'Ada', email: 'ada@example.com', id: 'cus_1' },
  },
  null,
  4,
);

let keys = 0;

/** An Idempotency-Key nobody has used. */
export function newKey(): string {
  keys += 1;
  return `order-${process.pid}-${keys}`;
}
