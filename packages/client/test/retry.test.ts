import { expect, test } from 'vitest';
import { HoldfastError } from '../src/index.ts';
import { pauseBefore } from '../src/retry.ts';

const failed = (status: number, retryAfter?: number) =>
  new HoldfastError({ status, code: 'x', message: 'x', retryAfter });
const always = { retries: 4, repeatable: 'always' } as const;

test('repeats after no answer, 503 and 429, with backoff, as often as allowed', () => {
  for (const status of [0, 503, 429]) expect(pauseBefore(failed(status), 1, always, 0.5)).toBe(200);
  expect(pauseBefore(failed(503), 3, always, 0.5)).toBe(800);
  expect(pauseBefore(failed(503), 5, always, 0.5)).toBeUndefined();
  for (const status of [400, 404, 422, 500])
    expect(pauseBefore(failed(status), 1, always, 0.5)).toBeUndefined();
});

test('waits as long as Retry-After says, or leaves a long wait to the caller', () => {
  expect(pauseBefore(failed(429, 7), 1, always, 0.5)).toBe(7000);
  expect(pauseBefore(failed(429, 31), 1, always, 0.5)).toBeUndefined();
});

test('what must not happen twice is repeated only after a definite no', () => {
  const once = { retries: 4, repeatable: 'when_refused' } as const;
  expect(pauseBefore(failed(0), 1, once, 0.5)).toBeUndefined();
  expect(pauseBefore(failed(503), 1, once, 0.5)).toBeUndefined();
  expect(pauseBefore(failed(429), 1, once, 0.5)).toBe(200);
});
