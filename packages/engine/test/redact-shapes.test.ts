import { expect, it } from 'vitest';
import { redactShapes } from '../src/contract/redact-shapes.ts';

it.each([
  ['sent to ada.lovelace+x@mail.example.co.uk today', 'sent to [redacted] today'],
  ['at undici@7.1.0 and @scope/name@10.0.0', 'at undici@7.1.0 and @scope/name@10.0.0'],
  ['card 4242 4242 4242 4242 declined', 'card [redacted] declined'],
  ['card 4242424242424242', 'card [redacted]'],
  ['order 1234567890123456 is no card', 'order 1234567890123456 is no card'],
  ['key sk_live_51HabcdefGHIJ refused', 'key [redacted] refused'],
  ['Authorization: Bearer abc.def-ghi_jkl', 'Authorization: [redacted]'],
  ['token eyJhbGciOi.eyJzdWIiOiIx.c2ln', 'token [redacted]'],
  ['ghp_0123456789abcdef and xoxb-123456789012', '[redacted] and [redacted]'],
  ['a risk_test of 3 units, pi_3AbCdEf, req_8d7f', 'a risk_test of 3 units, pi_3AbCdEf, req_8d7f'],
])('%s', (text, clean) => {
  expect(redactShapes(text)).toBe(clean);
});

it.each([
  ['x', 'x'],
  ['x@', 'x@'],
  ['an address without an end', `a@${'b.'.repeat(5)}`],
  ['eyJ-', 'eyJ-'],
  ['Bearer ', 'Bearer '],
  [' ', `Bearer ${' '.repeat(1_000)}`],
  ['1 ', '1 '],
  ['sk_live_', 'sk_live_'],
])('a long text of %j takes no time', (_, part) => {
  const text = part.repeat(200_000 / part.length);
  const startedAt = performance.now();
  redactShapes(text);
  expect(performance.now() - startedAt).toBeLessThan(2_000);
});
