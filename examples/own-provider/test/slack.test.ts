// #region conformance
import { describeProvider } from 'holdfast/testing';
import { describe, it } from 'vitest';
import { slack } from '../providers/slack.ts';

const refused = { status: 200, json: { ok: false, error: 'channel_not_found' }, code: 'channel_not_found' };

describeProvider(slack, {
  describe,
  it,
  operations: {
    postMessage: {
      input: { channel: 'C1', text: 'Hello' },
      ok: { status: 200, json: { ok: true, ts: '1726.0001' }, result: { ts: '1726.0001' } },
      refused,
    },
    findMessage: {
      input: { channel: 'C1' },
      ok: { status: 200, json: { ok: true, messages: [] }, result: { outcome: 'none' } },
      refused,
    },
    deleteMessage: {
      input: { channel: 'C1', ts: '1726.0001' },
      ok: { status: 200, json: { ok: true }, result: undefined },
      refused,
    },
  },
});
// #endregion
