import { describeProvider } from 'holdfast/testing';
import { describe, it } from 'vitest';
import { sms } from '../providers/sms.ts';

describeProvider(sms, {
  describe,
  it,
  operations: {
    send: {
      input: { from: '+15005550006', to: '+15005550001', text: 'Hello' },
      ok: { status: 201, json: { sid: 'SM1', status: 'queued' }, result: { sid: 'SM1' } },
      refused: {
        status: 400,
        json: { code: 21211, message: "Invalid 'To' Phone Number", more_info: '…', status: 400 },
        code: 'twilio_21211',
      },
    },
  },
});
