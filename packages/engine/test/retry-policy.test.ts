import { expect, it } from 'vitest';
import { decideRetry, fullJitterMs, retryPolicy } from '../src/contract/retry-policy.ts';

const policy = retryPolicy({ attempts: 5, first: '100ms', max: '1s' });
const DAY_MS = 24 * 60 * 60 * 1_000;

it("waits for as long as the provider asks, however long, and its own delay on top; the scale is for the policy's part alone", () => {
  const failed = { wait: 'retry', used: 2, retryAfterMs: 30 * DAY_MS } as const;
  expect(decideRetry(policy, failed, () => 1, 0.01)).toEqual({ next: 'retry', delayMs: 30 * DAY_MS + 2 });
  expect(decideRetry(policy, { ...failed, wait: 'throttle', used: 0 }, () => 0, 0.01)).toEqual({
    next: 'retry',
    delayMs: 30 * DAY_MS,
  });
});

it('doubles its delay up to the longest, with full jitter', () => {
  const delayMs = (used: number, random: number) =>
    decideRetry(
      { ...policy, attempts: 99 },
      { wait: 'retry', used, retryAfterMs: undefined },
      () => random,
      1,
    );
  expect([1, 2, 3, 4, 5, 6].map((used) => delayMs(used, 1))).toEqual(
    [100, 200, 400, 800, 1_000, 1_000].map((ms) => ({ next: 'retry', delayMs: ms })),
  );
  expect(delayMs(4, 0)).toEqual({ next: 'retry', delayMs: 0 });
});

it('grows by the factor of the policy', () => {
  const slow = retryPolicy({ first: '100ms', max: '1s', factor: 1.5 });
  expect([1, 2, 3, 9].map((failed) => fullJitterMs(slow, failed, () => 1))).toEqual([100, 150, 225, 1_000]);
  const steady = retryPolicy({ first: '100ms', factor: 1 });
  expect(fullJitterMs(steady, 5, () => 1)).toBe(100);
  expect(() => retryPolicy({ factor: 0.5 })).toThrow('retry.factor must be a number from 1, got 0.5');
  expect(() => retryPolicy({ factor: Number.NaN })).toThrow(RangeError);
});

it('ends with the last attempt, which a throttle is not', () => {
  const failed = { wait: 'retry', used: 5, retryAfterMs: undefined } as const;
  expect(decideRetry(policy, failed, () => 1, 1)).toEqual({ next: 'exhausted' });
  expect(decideRetry(policy, { ...failed, wait: 'throttle' }, () => 1, 1)).toMatchObject({ next: 'retry' });
});
