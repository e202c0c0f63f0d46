import { expect, test } from 'vitest';
import { preferredWaitSeconds } from '../src/prefer-wait.ts';

test.each([
  ['wait=10', 10],
  ['wait="10"', 10],
  ['WAIT = 10', 10],
  ['respond-async, wait=10', 10],
  ['wait=10; foo=bar', 10],
  ['wait=0', 0],
  ['wait=60', 60],
  ['wait=61', 60],
  ['wait=999999999', 60],
  ['wait=5, wait=50', 5],
  ['return=minimal, , wait=7,', 7],
  ['foo="a, wait=3", wait=5', 5],
  ['foo; bar="x, wait=9", wait=5', 5],
])('%s asks for %d s', (header, seconds) => {
  expect(preferredWaitSeconds(header)).toBe(seconds);
});

test.each([
  '',
  'wait',
  'wait=',
  'wait=abc',
  'wait=-1',
  'wait=1.5',
  'wait=1e3',
  'foo="wait=3"',
  'await=3',
  '"wait=3"',
])('%s asks for no wait', (header) => {
  expect(preferredWaitSeconds(header)).toBeUndefined();
});

test('several headers read like one', () => {
  expect(preferredWaitSeconds(['respond-async', 'wait=4'])).toBe(4);
  expect(preferredWaitSeconds(undefined)).toBeUndefined();
});

test('a long hostile header is read in no time', () => {
  const started = performance.now();
  preferredWaitSeconds(`${'a;'.repeat(8000)}"`);
  preferredWaitSeconds(`a=${'"\\'.repeat(8000)}`);
  expect(performance.now() - started).toBeLessThan(500);
});
