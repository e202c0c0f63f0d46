import { defineFlow } from '@holdfast/engine';
import { z } from 'zod';
import { payments, shipping } from './services.ts';

// #region checkout
export const checkout = defineFlow({
  name: 'checkout',
  version: 1,
  input: z.strictObject({ amount: z.int(), address: z.string() }),
  output: z.strictObject({ tracking: z.string() }),
  async run(ctx, order) {
    await ctx.step('charge', {
      run: (call) => payments.charge(order.amount, call.idempotencyKey),
      undo: (charge, call) => payments.refund(charge.id, call.idempotencyKey),
      whenInDoubt: 'repeat', // the provider honours the key
    });
    const label = await ctx.step('ship', {
      run: (call) => shipping.buyLabel(order.address, call.reference),
      whenInDoubt: (call) => shipping.findLabel(call.reference), // it does not: ask first
    });
    return { tracking: label.tracking };
  },
});
// #endregion
