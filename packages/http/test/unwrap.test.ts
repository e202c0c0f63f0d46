import { InDoubtError, RejectedError, ThrottledError, UnavailableError } from '@holdfast/engine';
import { expect, it } from 'vitest';
import type { Outcome } from '../src/index.ts';
import { unwrap } from '../src/index.ts';

const OPERATION = { provider: 'payment', operation: 'charge' };
const TROUBLE = { code: 'x', message: 'no luck', details: { status: 503, requestId: 'req_1' } };

it('returns what went well', () => {
  expect(unwrap({ kind: 'ok', value: 7 }, OPERATION)).toBe(7);
});

it.each<[Outcome<never>, unknown, number | undefined]>([
  [{ kind: 'rejected', ...TROUBLE, status: 402 }, RejectedError, undefined],
  [{ kind: 'throttled', ...TROUBLE, retryAfterMs: 0 }, ThrottledError, 0],
  [{ kind: 'unavailable', ...TROUBLE, retryAfterMs: 1500 }, UnavailableError, 1500],
  [{ kind: 'unavailable', ...TROUBLE }, UnavailableError, undefined],
  [{ kind: 'in_doubt', ...TROUBLE, retryAfterMs: 20 }, InDoubtError, 20],
])('%j', (outcome, type, retryAfter) => {
  const thrown = thrownBy(() => unwrap(outcome, OPERATION));
  expect(thrown).toBeInstanceOf(type);
  expect(thrown).toMatchObject({
    code: 'x',
    message: 'payment charge: no luck',
    details: { provider: 'payment', operation: 'charge', status: 503, requestId: 'req_1' },
  });
  expect(thrown && typeof thrown === 'object' && 'retryAfter' in thrown ? thrown.retryAfter : undefined).toBe(
    retryAfter,
  );
});

it('says when a delay was capped', () => {
  const outcome = {
    kind: 'throttled',
    ...TROUBLE,
    retryAfterMs: 86_400_000,
    retryAfterCapped: true,
  } as const;
  expect(thrownBy(() => unwrap(outcome, OPERATION))).toMatchObject({ details: { retryAfterCapped: true } });
});

function thrownBy(fn: () => unknown): unknown {
  try {
    return fn();
  } catch (error) {
    return error;
  }
}
