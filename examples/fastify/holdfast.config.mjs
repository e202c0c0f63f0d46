import { defineConfig, defineFlow } from 'holdfast';
import { z } from 'zod';

const hello = defineFlow({
  name: 'hello',
  version: 1,
  input: z.strictObject({ name: z.string() }),
  output: z.strictObject({ greeting: z.string() }),
  async run(ctx, { name }) {
    const greeting = await ctx.step('greet', { whenInDoubt: 'repeat', run: () => `Hello, ${name}!` });
    return { greeting };
  },
});

export default defineConfig({ flows: [hello] });
