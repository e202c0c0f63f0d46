import type { Run } from '@holdfast/engine';
import { expect, it } from 'vitest';
import { inWords, isCancelRequested, moment, standing, willEnd } from '../src/index.ts';
import * as runs from './support/runs.ts';

const at = (ms: number) => ({ now: runs.T0 + ms });

it.each<[string, Run, number, string]>([
  ['completed', runs.straight, 9_000, 'Completed in 472 ms: 4 steps.'],
  [
    'completed after a crash',
    runs.survivor,
    9_000,
    'Completed in 2.7 s: 4 steps, in spite of 1 lost worker.',
  ],
  [
    'dead',
    runs.dead,
    9_000,
    'Dead since 03:10 UTC: ship failed in 4 attempts; the last time: shipping answered 503 (service_unavailable). ' +
      'Done and standing: charge and reserve.',
  ],
  [
    'dead since yesterday',
    runs.dead,
    86_400_000,
    'Dead since 22 Nov 03:10 UTC: ship failed in 4 attempts; the last time: shipping answered 503 (service_unavailable). ' +
      'Done and standing: charge and reserve.',
  ],
  [
    'in doubt',
    runs.inDoubt,
    9_000,
    'Dead since 03:10 UTC: nobody knows whether label happened: no answer (timeout). Done and standing: charge and reserve.',
  ],
  ['failed', runs.undone, 9_000, 'Failed at reserve: TEE-M is out of stock (out_of_stock). Undone: charge.'],
  [
    'waiting for a retry',
    runs.retrying,
    3_200,
    'Waits for ship: retry 3 in 1.2 s, after: shipping answered 503 (service_unavailable).',
  ],
  [
    'waiting for a signal',
    runs.sleeper,
    3_600_000,
    'Waits for the signal payment.settled, for another 1 d at most.',
  ],
  ['running', runs.underWay, 900, 'Runs reserve, for 900 ms. Done: charge.'],
])('says where a run stands: %s', (_, run, now, sentence) => {
  expect(standing(run, at(now))).toBe(sentence);
});

it('says what is being undone, and why', () => {
  const { status: _, finishedAt: _at, ...rest } = runs.undone as Extract<Run, { status: 'failed' }>;
  const run: Run = {
    ...rest,
    steps: [
      runs.step('charge', 'completed', 4, 230, {
        attempts: 1,
        undo: { attempts: 2, startedAt: 410, doneAt: 230, key: 'undo' },
      }),
    ],
    ...{ status: 'compensating', waitingFor: { kind: 'retry', step: 'charge', until: runs.T0 + 70_000 } },
  };
  expect(standing(run, at(4_000))).toBe(
    'Undoes what was done, because reserve failed: TEE-M is out of stock (out_of_stock). Waits for charge: retry 2 in 1 min 6 s. It ends as failed.',
  );
});

it('says lengths and moments as people do', () => {
  expect([0, 40, 999, 1_200, 12_400, 125_000, 3_600_000, 93_600_000].map(inWords)).toEqual([
    ...['0 ms', '40 ms', '999 ms', '1.2 s', '12 s', '2 min 5 s', '1 h', '1 d 2 h'],
  ]);
  expect(moment(runs.T0, runs.T0 + 365 * 86_400_000)).toBe('22 Nov 2026 03:10 UTC');
});

it('says of a run that was asked to cancel which end it comes to, also when it was failing already', () => {
  const asked = runs.event('cancel_requested', 2_000);
  const running: Run = { ...runs.underWay, events: [asked] };
  expect(standing(running, at(3_000))).toContain('Cancel requested: no further step starts');
  expect(willEnd(running)).toBe('cancelled');
  const { status: _, finishedAt: _at, error, ...rest } = runs.undone as Extract<Run, { status: 'failed' }>;
  const failing: Run = { ...rest, events: [...rest.events, asked], status: 'compensating', error };
  expect(standing(failing, at(3_000))).toMatch(/Cancel requested as well; .* so it ends as failed/);
  expect(willEnd(failing)).toBe('failed');
  const cancelling: Run = { ...rest, events: [...rest.events, asked], status: 'compensating' };
  expect(standing(cancelling, at(3_000))).toMatch(/It ends as cancelled\.$/);
  expect([isCancelRequested(cancelling), isCancelRequested(runs.undone)]).toEqual([true, false]);
});

it('says of a run that no live worker would take what is missing', () => {
  const {
    status: _,
    output: _output,
    finishedAt: _at,
    ...rest
  } = runs.straight as Extract<Run, { status: 'completed' }>;
  const fresh: Run = { ...rest, steps: [], status: 'pending' };
  expect(standing(fresh, { ...at(3_000), lacks: 'flow' })).toBe(
    'Accepted 3 s ago; no live worker runs order.',
  );
  expect(standing(fresh, { ...at(3_000), lacks: 'version' })).toBe(
    'Accepted 3 s ago; no worker has order@1.',
  );
  expect(standing(runs.retrying, { ...at(3_000), lacks: 'flow' })).toMatch(/ No live worker runs order\.$/);
});
