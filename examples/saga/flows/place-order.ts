// #region flow
import { defineFlow } from 'holdfast';
import { z } from 'zod';
import { broker, db, payments } from '../connections.ts';

export const placeOrder = defineFlow({
  name: 'place-order',
  version: 1,
  input: z.object({ sku: z.string(), amount: z.int().positive() }),
  output: z.object({ orderId: z.number() }),
  async run(ctx, { sku, amount }) {
    const order = await ctx.step(
      'insert',
      db.transaction(
        async (tx) => {
          const { rows } = await tx.query<{ id: number }>(
            'INSERT INTO orders (sku, amount) VALUES ($1, $2) RETURNING id',
            [sku, amount],
          );
          return { id: Number(rows[0]?.id) };
        },
        { undo: async ({ id }, tx) => void (await tx.query('DELETE FROM orders WHERE id = $1', [id])) },
      ),
    );
    await ctx.step('charge', {
      run: (call) => payments.charge(call, { amount }),
      undo: async (charge, call) => void (await payments.refund(call, charge)),
      whenInDoubt: 'repeat',
    });
    await ctx.step(
      'announce',
      broker.publish({ routingKey: 'warehouse', body: { orderId: order.id, sku }, type: 'order.placed' }),
    );
    return { orderId: order.id };
  },
});
// #endregion
