// #region mail
import { defineProvider, operation } from 'holdfast';
import { z } from 'zod';

export const mail = defineProvider({
  name: 'mail',
  baseUrl: 'https://api.sendgrid.com/v3',
  auth: 'bearer',
  // { "errors": [{ "message": "…", "field": "personalizations.0.to" }] }: no codes, so the field names the fault
  errors: z
    .object({ errors: z.array(z.object({ message: z.string(), field: z.string().nullish() })).min(1) })
    .transform(({ errors: [first] }) => ({
      code: first?.field ? `invalid_${first.field.split('.')[0]}` : 'mail_refused',
      message: first?.message,
    })),
  idempotencyHeader: false,

  operations: {
    send: operation({
      request: (letter: { from: string; to: string; subject: string; text: string }, call) => ({
        method: 'POST',
        path: '/mail/send',
        body: {
          json: {
            personalizations: [{ to: [{ email: letter.to }] }],
            from: { email: letter.from },
            subject: letter.subject,
            content: [{ type: 'text/plain', value: letter.text }],
            custom_args: { reference: call.reference },
          },
        },
      }),
      // 202 without a body; the id is in a header
      answer: z.undefined(),
      result: (_, { headers }) => ({ messageId: headers['x-message-id'] ?? null }),
    }),
  },
});
// #endregion
