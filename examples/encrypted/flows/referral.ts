import { createHash } from 'node:crypto';
import { defineFlow, RejectedError } from 'holdfast';
import { z } from 'zod';

/** Sends a patient to a specialist, once a doctor has agreed. None of it stands in Redis as plain text. */
export const referral = defineFlow({
  name: 'referral',
  version: 1,
  input: z.strictObject({ patient: z.string(), diagnosis: z.string() }),
  output: z.strictObject({ letter: z.string(), doctor: z.string() }),
  async run(ctx, { patient, diagnosis }) {
    const letter = await ctx.step('write', {
      whenInDoubt: 'repeat',
      run: () => `${patient} is referred to a specialist: ${diagnosis}`,
    });
    const { doctor, agreed } = await ctx.waitFor('reviewed', {
      schema: z.strictObject({ doctor: z.string(), agreed: z.boolean() }),
    });
    // the details of an error are encrypted, its code and message are not: name nobody in them
    if (!agreed)
      throw new RejectedError({ code: 'not_agreed', message: 'The doctor refused', details: { doctor } });
    await ctx.step('send', {
      whenInDoubt: 'repeat',
      run: () => ({ digest: createHash('sha256').update(letter).digest('hex') }),
    });
    return { letter, doctor };
  },
});
