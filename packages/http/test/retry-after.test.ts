import { describe, expect, it } from 'vitest';
import { readRetryAfter } from '../src/retry-after.ts';

const DATE = 'Sun, 06 Nov 1994 08:49:37 GMT';
const RECEIVED_AT_MS = Date.parse('2030-01-01T00:00:00Z');
const DAY_MS = 86_400_000;

describe('a Retry-After header', () => {
  it.each([
    ['seconds', '3', { retryAfterMs: 3_000 }],
    ['none at all', '0', { retryAfterMs: 0 }],
    ['space around it', ' 120 ', { retryAfterMs: 120_000 }],
    ['exactly a day', '86400', { retryAfterMs: DAY_MS }],
    ['longer than a day', '86401', { retryAfterMs: DAY_MS, retryAfterCapped: true }],
    ['absurd', '9'.repeat(400), { retryAfterMs: DAY_MS, retryAfterCapped: true }],
    ['a date', 'Sun, 06 Nov 1994 08:50:07 GMT', { retryAfterMs: 30_000 }],
    ['a date in the form of RFC 850', 'Sunday, 06-Nov-94 08:50:07 GMT', { retryAfterMs: 30_000 }],
    ['a date in the form of asctime', 'Sun Nov  6 08:50:07 1994', { retryAfterMs: 30_000 }],
    ['a date that is past', 'Sun, 06 Nov 1994 08:49:36 GMT', { retryAfterMs: 0 }],
    ['a date years ahead', 'Fri, 06 Nov 2099 08:49:37 GMT', { retryAfterMs: DAY_MS, retryAfterCapped: true }],
    ['missing', undefined, {}],
    ['empty', '', {}],
    ['negative', '-5', {}],
    ['a fraction', '1.5', {}],
    ['with a unit', '5s', {}],
    ['hexadecimal', '0x10', {}],
    ['two values', '3, 5', {}],
    ['an ISO date', '1994-11-06T08:50:07Z', {}],
    ['words', 'soon', {}],
  ])('%s', (_what, value, expected) => {
    expect(readRetryAfter(value, DATE, RECEIVED_AT_MS)).toEqual(expected);
  });

  it.each([
    ['missing', undefined],
    ['malformed', 'yesterday'],
  ])('is measured against our clock when the Date header is %s', (_what, date) => {
    expect(readRetryAfter('Tue, 01 Jan 2030 00:00:07 GMT', date, RECEIVED_AT_MS)).toEqual({
      retryAfterMs: 7_000,
    });
  });
});
