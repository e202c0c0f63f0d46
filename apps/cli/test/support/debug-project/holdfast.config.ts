import { appendFileSync } from 'node:fs';
import { aesGcm, defineConfig, defineFlow } from 'holdfast';
import { z } from 'zod';

const effect = (name: string) => () => {
  appendFileSync(process.env.EFFECTS ?? '', `${name}\n`);
  return `${name} done`;
};

export const approved = defineFlow({
  name: 'approved',
  version: 1,
  input: z.strictObject({ what: z.string() }),
  output: z.string(),
  async run(ctx, { what }) {
    const asked = await ctx.step('ask', { whenInDoubt: 'repeat', run: effect(`ask ${what}`) });
    await ctx.sleep(1);
    const answer = await ctx.waitFor<string>('answer', { timeout: '1d' });
    await ctx.step(process.env.RENAMED ?? 'tell', { whenInDoubt: 'repeat', run: effect('tell') });
    return `${asked}: ${answer}`;
  },
});

export default defineConfig({ flows: [approved], codec: aesGcm() });
