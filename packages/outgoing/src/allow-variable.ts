import { z } from 'zod';
import { type AllowList, readAllowList } from './allow-list.ts';

const NONE = readAllowList('');

/** `HOLDFAST_WEBHOOK_ALLOW`; without it nothing is allowed in spite of the rules. */
export const webhookAllow = z
  .string()
  .default('')
  .transform((text, ctx): AllowList => {
    try {
      return text === '' ? NONE : readAllowList(text);
    } catch (error) {
      ctx.addIssue({ code: 'custom', message: error instanceof Error ? error.message : String(error) });
      return z.NEVER;
    }
  });
