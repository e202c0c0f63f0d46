import { Webhook } from 'standardwebhooks';
import { expect, test } from 'vitest';
import { verifyWebhook } from '../src/index.ts';

const SECRET = `whsec_${Buffer.from('a secret of twenty-four b').toString('base64')}`;
const BODY = JSON.stringify({
  type: 'run.completed',
  timestamp: '2026-01-01T00:00:00Z',
  data: { run: { id: 'run_1' } },
});

function signed(at: Date) {
  return {
    'Webhook-Id': 'msg_1',
    'Webhook-Timestamp': String(Math.floor(at.getTime() / 1000)),
    'Webhook-Signature': new Webhook(SECRET).sign('msg_1', at, BODY),
  };
}

test('gives the event of a webhook that Holdfast signed, from text or bytes, from a record or Headers', () => {
  const headers = signed(new Date());
  expect(verifyWebhook(BODY, headers, SECRET).data.run?.id).toBe('run_1');
  expect(verifyWebhook(Buffer.from(BODY), new Headers(headers), SECRET).type).toBe('run.completed');
});

test('throws on another body, another secret, an old signature and none', () => {
  const headers = signed(new Date());
  const other = `whsec_${Buffer.from('another secret of these bytes').toString('base64')}`;
  expect(() => verifyWebhook(`${BODY} `, headers, SECRET)).toThrow();
  expect(() => verifyWebhook(BODY, headers, other)).toThrow();
  expect(() => verifyWebhook(BODY, signed(new Date(Date.now() - 600_000)), SECRET)).toThrow();
  expect(() => verifyWebhook(BODY, {}, SECRET)).toThrow();
});
