import { defineFlow, RejectedError } from '@holdfast/engine';
import { z } from 'zod';

export const greet = defineFlow({
  name: 'greet',
  version: 1,
  input: z.strictObject({ name: z.string() }),
  output: z.strictObject({ greeting: z.string() }),
  async run(_ctx, { name }) {
    if (name === 'nobody') throw new RejectedError({ code: 'nobody_there', message: 'There is nobody.' });
    return { greeting: `Hello ${name}` };
  },
});

export const approve = defineFlow({
  name: 'approve',
  version: 1,
  input: z.strictObject({ amount: z.number() }),
  output: z.strictObject({ by: z.string() }),
  async run(ctx) {
    return { by: await ctx.waitFor('approved', { schema: z.string() }) };
  },
});

export const config = { flows: [greet, approve] } as const;
