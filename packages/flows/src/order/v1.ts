import { defineFlow } from '@holdfast/engine';
import { KEPT } from '../kept.ts';
import type { OrderPorts } from './ports.ts';
import { OrderInputV1, OrderOutputV1, OrderResults, totalOf } from './schema.ts';

/** Of runs that were accepted before version 2. */
export const orderContractV1 = {
  name: 'order',
  version: 1,
  input: OrderInputV1,
  output: OrderOutputV1,
  results: OrderResults,
} as const;

/** As it was: settled charges only, and a mail that is refused undoes the order. */
export function orderFlowV1({ payments, inventory, shipping, email }: OrderPorts) {
  return defineFlow({
    ...orderContractV1,
    retention: KEPT,
    async run(ctx, order) {
      const amount = Number(totalOf(order.items));
      const goods = order.items.map(({ sku, quantity }) => ({ sku, quantity }));

      const { chargeId } = await ctx.step('charge', {
        run: (call) =>
          payments.v1.charge(
            {
              amount,
              currency: order.currency,
              paymentMethod: order.paymentMethod,
              description: `Order for ${order.customer.id}`,
            },
            call,
          ),
        undo: (charge, call) => payments.v1.refund({ chargeId: charge.chargeId, amount }, call),
        whenInDoubt: 'repeat',
        timeout: '30s',
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
        whenInDoubt: (call) => shipping.findLabel(call),
        timeout: '20s',
      });

      const { messageId } = await ctx.step('email', {
        run: (call) =>
          email.send(
            {
              to: order.customer.email,
              subject: `Your order is on its way (${trackingNumber})`,
              text: `Hello ${order.customer.name},\n\nyour order is on its way. Track it with ${trackingNumber}.\n`,
            },
            call,
          ),
        whenInDoubt: 'repeat',
        timeout: '20s',
      });

      return { chargeId, reservationId, trackingNumber, messageId };
    },
  });
}
