import { defineFlow, RejectedError } from '@holdfast/engine';
import { z } from 'zod';
import { checkout } from './checkout.ts';
import { mail, payments } from './services.ts';

// #region waiting
export const trial = defineFlow({
  name: 'trial',
  version: 1,
  input: z.strictObject({ email: z.string(), days: z.int() }),
  output: z.strictObject({ kept: z.boolean() }),
  async run(ctx, { email, days }) {
    await ctx.sleep(`${days}ms`); // '14d' in production: no worker is held, a restart does not matter
    await ctx.step('remind', { run: () => mail.send(email), whenInDoubt: 'repeat' });
    try {
      const answer = await ctx.waitFor('answer', {
        timeout: '2s',
        schema: z.strictObject({ keep: z.boolean() }),
      });
      return { kept: answer.keep };
    } catch (error) {
      if (error instanceof RejectedError && error.code === 'signal_timeout') return { kept: false };
      throw error;
    }
  },
});
// #endregion

// #region callback
export const spend = defineFlow({
  name: 'spend',
  version: 1,
  input: z.strictObject({ approver: z.string() }),
  output: z.strictObject({ approvedBy: z.string() }),
  async run(ctx, { approver }) {
    const callback = await ctx.callback('approval', {
      timeout: '3d',
      schema: z.strictObject({ approvedBy: z.string() }),
    });
    await ctx.step('ask', { run: () => mail.send(approver, callback.url), whenInDoubt: 'repeat' });
    return callback.wait();
  },
});
// #endregion

// #region parallel
export const bundle = defineFlow({
  name: 'bundle',
  version: 1,
  input: z.strictObject({ amounts: z.array(z.int()) }),
  output: z.strictObject({ charges: z.array(z.string()), reference: z.string() }),
  async run(ctx, { amounts }) {
    const reference = ctx.uuid(); // the same on every replay
    const charges = await Promise.all(
      amounts.map((amount, n) =>
        ctx.step(`charge-${n}`, {
          run: (call) => payments.charge(amount, call.idempotencyKey),
          undo: (charge, call) => payments.refund(charge.id, call.idempotencyKey),
          whenInDoubt: 'repeat',
        }),
      ),
    );
    return { charges: charges.map((charge) => charge.id), reference };
  },
});
// #endregion

// #region child
export const basket = defineFlow({
  name: 'basket',
  version: 1,
  input: z.strictObject({ amount: z.int(), address: z.string() }),
  output: z.unknown(),
  async run(ctx, order) {
    return ctx.runChild('checkout', { flow: checkout, input: order });
  },
});
// #endregion
