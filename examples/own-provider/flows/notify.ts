// #region flow
import { defineFlow } from 'holdfast';
import { z } from 'zod';
import { mail } from '../providers/mail.ts';
import { slack } from '../providers/slack.ts';
import { sms } from '../providers/sms.ts';

export const notify = defineFlow({
  name: 'notify',
  version: 1,
  input: z.object({ channel: z.string(), email: z.string(), phone: z.string(), text: z.string() }),
  output: z.object({ ts: z.string() }),
  async run(ctx, { channel, email, phone, text }) {
    const { ts } = await ctx.step('tell', {
      run: (call) => slack.postMessage(call, { channel, text }),
      undo: (posted, call) => slack.deleteMessage(call, { channel, ts: posted.ts }),
      // a lost reply is looked up, never repeated blindly
      find: (call) => slack.findMessage(call, { channel }),
    });
    await ctx.step('mail', {
      run: (call) => mail.send(call, { from: 'ops@example.com', to: email, subject: 'Notice', text }),
      // no key and no look-up: when nobody knows, a person decides
      whenInDoubt: 'halt',
    });
    await ctx.step('text', {
      run: (call) => sms.send(call, { from: '+15005550006', to: phone, text }),
      whenInDoubt: 'halt',
      optional: true,
    });
    return { ts };
  },
});
// #endregion
