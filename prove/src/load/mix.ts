import { pick, type Random } from '@holdfast/testkit';
import { amountOf, ORDERS, type Order } from '../outside/orders.ts';
import type { Wish } from '../outside/shop.ts';

/** Payments are made of an amount of their own, so that one that is mixed up with another is seen. */
interface Kind {
  readonly name: string;
  readonly order?: Order;
  readonly paymentMethod?: string;
}

const settlesLater = { ...ORDERS.good, paymentMethod: 'pm_card_processing' };

/** Of twenty requests, ten are orders that can be fulfilled at once. */
const MIX: readonly Kind[] = [
  ...Array.from({ length: 10 }, () => ({ name: 'good', order: ORDERS.good })),
  { name: 'declined', order: ORDERS.declined },
  { name: 'no-funds', order: ORDERS.insufficientFunds },
  { name: 'out-of-stock', order: ORDERS.outOfStock },
  { name: 'bad-address', order: ORDERS.badAddress },
  { name: 'settles-later', order: settlesLater },
  { name: 'payment', paymentMethod: 'pm_card_visa' },
  { name: 'payment', paymentMethod: 'pm_card_visa' },
  { name: 'payment', paymentMethod: 'pm_card_visa' },
  { name: 'payment-later', paymentMethod: 'pm_card_processing' },
  { name: 'payment-declined', paymentMethod: 'pm_card_chargeDeclined' },
];

/** Requests without an end, shuffled in hands of twenty so that no kind is missing for long. */
export function* requests(random: Random): Generator<Wish, never> {
  for (let number = 0; ; ) {
    for (const { name, order, paymentMethod } of shuffled(random, MIX)) {
      number += 1;
      const key = `${name}-${number}`;
      if (order) {
        yield { path: '/v1/orders', body: order, amount: amountOf(order), key };
        continue;
      }
      const amount = 1_000 + Math.floor(random() * 9_000);
      const body = {
        amount,
        currency: 'usd',
        customerId: `customer-${number}`,
        paymentMethod,
        description: key,
      };
      yield { path: '/v1/payments', body, amount, key };
    }
  }
}

export function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const left = [...items];
  return items.map(() => {
    const taken = pick(random, left);
    left.splice(left.indexOf(taken), 1);
    return taken;
  });
}
