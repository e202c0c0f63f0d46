import { RejectedError } from 'holdfast';
import { fakeProvider } from 'holdfast/testing';
import { expect, it } from 'vitest';
import { slack } from '../providers/slack.ts';

const call = {
  ...{ idempotencyKey: 'run_1:1:tell', reference: 'run_1.1.tell', runId: 'run_1', generation: 1 },
  ...{ step: 'tell', attempt: 1, startedAt: 0, signal: new AbortController().signal },
};

it('answers from a script, and counts the calls', async () => {
  const message = { channel: 'C1', text: 'Hello' };
  // #region fake
  const fake = fakeProvider(slack, {
    postMessage: [
      'time-out',
      { failure: new RejectedError({ code: 'is_archived', message: 'the channel is archived' }) },
      { result: { ts: '1726.0001' } },
    ],
  });
  await expect(slack.postMessage(call, message)).rejects.toMatchObject({ kind: 'in_doubt' });
  await expect(slack.postMessage(call, message)).rejects.toMatchObject({ code: 'is_archived' });
  expect(await slack.postMessage(call, message)).toEqual({ ts: '1726.0001' });
  expect(fake.count('postMessage')).toBe(3);
  fake.release();
  // #endregion
});
