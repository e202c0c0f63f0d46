import { trace } from '@opentelemetry/api';
import { defineFlow } from 'holdfast';
import { z } from 'zod';
import { quotes } from '../providers/quotes.ts';

export const offer = defineFlow({
  name: 'offer',
  version: 1,
  input: z.strictObject({ item: z.string() }),
  output: z.strictObject({ price: z.number() }),
  async run(ctx, { item }) {
    const { price } = await ctx.step('quote', {
      whenInDoubt: 'repeat',
      run: (call) => {
        // the step's own span is the active one, for attributes and spans of yours
        trace.getActiveSpan()?.setAttribute('offer.item', item);
        return quotes.make(call, { item });
      },
    });
    await ctx.sleep('50ms');
    return { price };
  },
});
