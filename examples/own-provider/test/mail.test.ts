import { describeProvider } from 'holdfast/testing';
import { describe, it } from 'vitest';
import { mail } from '../providers/mail.ts';

describeProvider(mail, {
  describe,
  it,
  operations: {
    send: {
      input: { from: 'ops@example.com', to: 'ada@example.com', subject: 'Hello', text: 'Hello, Ada' },
      ok: { status: 202, headers: { 'x-message-id': 'm_1' }, result: { messageId: 'm_1' } },
      refused: {
        status: 400,
        json: { errors: [{ message: 'Does not contain a valid address.', field: 'from.email', help: null }] },
        code: 'invalid_from',
      },
    },
  },
});
