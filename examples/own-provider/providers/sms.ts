// #region sms
import { defineProvider, operation } from 'holdfast';
import { z } from 'zod';

export const sms = defineProvider({
  name: 'sms',
  // no `baseUrl`: HOLDFAST_SMS_URL ends in the account, https://api.twilio.com/2010-04-01/Accounts/AC…
  auth: 'basic',
  // { "code": 21211, "message": "Invalid 'To' Phone Number", "status": 400 }
  errors: z
    .object({ code: z.int(), message: z.string() })
    .transform(({ code, message }) => ({ code: `twilio_${code}`, message })),
  idempotencyHeader: false,

  operations: {
    send: operation({
      request: (message: { from: string; to: string; text: string }) => ({
        method: 'POST',
        path: '/Messages.json',
        body: { form: { From: message.from, To: message.to, Body: message.text } },
      }),
      answer: z.object({ sid: z.string(), status: z.string() }),
      result: ({ sid }) => ({ sid }),
      // no such number, and one that wants no messages: true of every attempt
      settlesDoubt: ['twilio_21211', 'twilio_21610'],
    }),
  },
});
// #endregion
