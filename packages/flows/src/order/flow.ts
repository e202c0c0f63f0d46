import { defineFlow } from '@holdfast/engine';
import { KEPT } from '../kept.ts';
import { charge } from '../settlement.ts';
import type { OrderPorts } from './ports.ts';
import { OrderInput, OrderOutput, OrderResults, totalOf } from './schema.ts';

/** What who submits orders needs to know: all of the flow but its function. */
export const orderContract = {
  name: 'order',
  version: 2,
  input: OrderInput,
  output: OrderOutput,
  results: OrderResults,
} as const;

/**
 * Charges, reserves, ships and mails an order; what was done is undone when a later step is refused. A mail that cannot be delivered is a
 * warning: the parcel is on its way.
 */
export function orderFlow({ payments, inventory, shipping, email }: OrderPorts) {
  return defineFlow({
    ...orderContract,
    retention: KEPT,
    async run(ctx, order) {
      const { customer, currency, paymentMethod, paymentMethods, returnUrl } = order;
      const amount = Number(totalOf(order.items));
      const goods = order.items.map(({ sku, quantity }) => ({ sku, quantity }));

      const { chargeId } = await charge(ctx, payments, {
        ...{ amount, currency, paymentMethod, paymentMethods, returnUrl },
        customerId: customer.id,
        description: `Order for ${customer.id}`,
      });

      const { reservationId } = await ctx.step('reserve', {
        run: (call) => inventory.reserve({ items: goods }, call),
        undo: (reservation, call) => inventory.release(reservation, call),
        whenInDoubt: 'repeat',
        timeout: '15s',
      });

      const { trackingNumber } = await ctx.step('ship', {
        run: (call) => shipping.buyLabel({ to: order.shipTo, items: goods }, call),
        undo: (label, call) => shipping.voidLabel(label, call),
        find: (call) => shipping.findLabel(call),
        timeout: '20s',
      });

      const mail = await ctx.step('email', {
        run: (call) =>
          email.send(
            {
              to: customer.email,
              subject: `Your order is on its way (${trackingNumber})`,
              text: `Hello ${customer.name},\n\nyour order is on its way. Track it with ${trackingNumber}.\n`,
            },
            call,
          ),
        // a second mail would be worse than none
        whenInDoubt: 'halt',
        // a server may take ten minutes to answer, and a greylist hours to let a sender in
        timeout: '12m',
        retry: { attempts: 20, first: '1s', max: '30m' },
        optional: true,
      });

      return { chargeId, reservationId, trackingNumber, ...(mail && { messageId: mail.messageId }) };
    },
  });
}
