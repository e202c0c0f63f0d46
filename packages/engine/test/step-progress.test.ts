import { expect, it } from 'vitest';
import { retryPolicy } from '../src/contract/retry-policy.ts';
import { afterFailure, standingOf } from '../src/drive/step-progress.ts';
import { InDoubtError, RejectedError, ThrottledError, UnavailableError } from '../src/index.ts';

const at = { now: 1_000, random: () => 1, scale: 1 };
const policy = retryPolicy({ attempts: 3, first: '100ms', max: '1s' });
const fresh = standingOf(undefined, 0, { seq: 1, startedAt: 900 });
const fault = { code: 'x', message: 'x' };
const unavailable = {
  kind: 'retryable',
  wait: 'retry',
  inDoubt: false,
  unsent: false,
  error: new UnavailableError(fault),
  retryAfterMs: undefined,
} as const;
const lost = { ...unavailable, inDoubt: true, error: new InDoubtError(fault) } as const;

it('an attempt that did nothing does not settle the doubt that an earlier one left', () => {
  const first = afterFailure(fresh, lost, policy, 'repeat', at);
  expect(first).toMatchObject({ kind: 'wait', record: { inDoubt: true, attempts: 1, retryAt: 1_100 } });
  if (first.kind !== 'wait') throw new Error('unreachable');
  const standing = standingOf(first.record, 0, { seq: 9, startedAt: 9 });
  const second = afterFailure(standing, unavailable, policy, 'repeat', at);
  expect(second).toMatchObject({ kind: 'wait', record: { inDoubt: true, attempts: 2, retryAt: 1_200 } });
  if (second.kind !== 'wait') throw new Error('unreachable');
  const third = afterFailure(standingOf(second.record, 0, fresh), unavailable, policy, 'repeat', at);
  expect(third).toMatchObject({ kind: 'die', as: 'in_doubt' });
});

it('dies as exhausted when no attempt had any effect, and starts afresh after a redrive', () => {
  const last = { ...fresh, attempts: 2, used: 2 };
  const dead = afterFailure(last, unavailable, policy, 'repeat', at);
  expect(dead).toMatchObject({ kind: 'die', as: 'exhausted', record: { attempts: 3 } });
  if (dead.kind !== 'die') throw new Error('unreachable');
  expect(standingOf(dead.record, 1, fresh)).toMatchObject({ attempts: 3, used: 0, keyAttempt: 1 });
});

it('uses up no attempt on a throttle, and never comes before Retry-After', () => {
  const throttled = {
    kind: 'retryable',
    wait: 'throttle',
    inDoubt: false,
    unsent: false,
    error: new ThrottledError(fault),
    retryAfterMs: 5_000,
  } as const;
  const next = afterFailure({ ...fresh, used: 2, attempts: 2 }, throttled, policy, 'repeat', {
    ...at,
    random: () => 0,
  });
  expect(next).toMatchObject({
    kind: 'wait',
    record: { wait: 'throttle', retryAt: 6_000, budget: { used: 2 }, attempts: 3 },
  });
  const unsent = { ...throttled, unsent: true, error: new ThrottledError({ ...fault, unsent: true }) };
  expect(afterFailure({ ...fresh, attempts: 2 }, unsent, policy, 'repeat', at)).toMatchObject({
    record: { attempts: 2 },
  });
});

it('gives a definite no that is tried again a key of its own', () => {
  const no = afterFailure(fresh, { kind: 'rejected', error: new RejectedError(fault) }, policy, 'repeat', at);
  expect(no).toMatchObject({ kind: 'reject', record: { kind: 'rejected', attempts: 1 } });
  if (no.kind !== 'reject') throw new Error('unreachable');
  expect(standingOf(no.record, 1, fresh).keyAttempt).toBe(2);
});

it('halts at once in doubt when nobody but a person can tell', () => {
  expect(afterFailure(fresh, lost, policy, 'halt', at)).toMatchObject({ kind: 'die', as: 'in_doubt' });
  expect(afterFailure(fresh, unavailable, policy, 'halt', at)).toMatchObject({ kind: 'wait' });
});

it('gives an attempt a new key, and settles the doubt, once the provider knows of nothing under the old one', () => {
  const spent = { ...unavailable, error: new UnavailableError({ ...fault, keySpent: true }) };
  const doubted = { ...fresh, attempts: 1, used: 1, inDoubt: true };
  expect(afterFailure(doubted, spent, policy, 'repeat', at)).toMatchObject({
    kind: 'wait',
    record: { inDoubt: false, keyAttempt: 3 },
  });
});
