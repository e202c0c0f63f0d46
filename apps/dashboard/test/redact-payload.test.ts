import { expect, test } from 'vitest';
import { redactPayload } from '../src/redact-payload.ts';

test('what a private name holds is masked whole, whatever it is', () => {
  expect(
    redactPayload({
      card: { number: '4000000000000002', expires: 12 },
      tokens: ['a', 'b'],
      pin: 1234,
      ssn: '078-05-1120',
      auth: { user: 'ada' },
      nothing: { token: null },
    }),
  ).toEqual({
    ...{ card: '[redacted]', tokens: '[redacted]', pin: '[redacted]', ssn: '[redacted]', auth: '[redacted]' },
    nothing: { token: null },
  });
});

test('and what looks like a secret is masked wherever it stands', () => {
  expect(
    redactPayload({
      note: 'write to ada@example.com, card 4242 4242 4242 4242',
      list: ['sk_live_51HabcdefGHIJ', { 'ada@example.com': 1 }],
    }),
  ).toEqual({
    note: 'write to [redacted], card [redacted]',
    list: ['[redacted]', { '[redacted]': 1 }],
  });
});

test('shape, numbers and ids stay', () => {
  const order = {
    id: 'run_da22',
    amount: 1900,
    items: [{ sku: 'TEE-M', quantity: 2 }],
    pinned: true,
    shipTo: { country: 'US' },
  };
  expect(redactPayload(order)).toEqual(order);
});
