import { type DurationInput, toMs } from '@holdfast/engine';
import { z } from 'zod';

/** A duration with its unit, as in `7d`; parsed to milliseconds. */
export const duration = z.string().transform((text, ctx) => {
  try {
    return toMs(text as DurationInput);
  } catch (error) {
    ctx.addIssue({
      code: 'custom',
      message: `expected a duration: ${error instanceof Error ? error.message : error}`,
    });
    return z.NEVER;
  }
});
