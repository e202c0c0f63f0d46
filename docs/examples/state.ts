import { defineFlow } from '@holdfast/engine';
import { z } from 'zod';
import { crm } from './services.ts';

// #region state
export const importPage = defineFlow({
  name: 'import-page',
  version: 1,
  input: z.strictObject({ source: z.string() }),
  output: z.strictObject({ next: z.int() }),
  async run(ctx, { source }) {
    const checkpoint = ctx.state<number>(`import/${source}`);
    const page = (await checkpoint.get()) ?? 1;
    await ctx.step('load', { run: () => crm.load(source, page), whenInDoubt: 'repeat' });
    await checkpoint.set(page + 1);
    return { next: page + 1 };
  },
});
// #endregion
