import { crashEverywhere, interruptEverywhere, type OutsideScene } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';
import { type Case, flowOf, operate, steps, waits } from './scenarios.ts';

/** Those that come to an end by themselves, or with a person's answers. */
const { retries, compensation } = steps as Record<string, Case>;
const kinds = steps['steps of every kind'] as Case;
const optional = steps['an optional step'] as Case;
const cases: readonly (readonly [string, Case])[] = Object.entries({
  ...({ kinds, retries, compensation, optional } as Record<string, Case>),
  parallel: waits['parallel steps'] as Case,
  forked: waits['a rejected step beside others'] as Case,
});

describe('a Redis that is seen to have lost writes, at every point', () => {
  it.each(cases)('%s', async (name, { flow, options }) => {
    const report = await interruptEverywhere(flow, null, {
      ...options,
      outside: operate,
      interrupt: (_driver, _runId, store) => store.noticeRollback(),
      pairs: 10,
    });
    console.log(name, JSON.stringify(report));
    expect(report.executions).toBeGreaterThan(10);
  });
});

describe('a run that is dead as poison after its first crash, at every point', () => {
  const poisoned =
    (act: 'redrive' | 'cancel') =>
    async (scene: OutsideScene): Promise<void> => {
      const { run, driver } = scene;
      if (run.status === 'dead' && run.error.kind === 'poison') await driver[act](run.id);
      else await operate(scene);
    };

  it.each(cases)('and is redriven: %s', async (name, { flow, options }) => {
    const report = await crashEverywhere(flow, null, {
      ...options,
      poisonAfter: 1,
      outside: poisoned('redrive'),
      sample: 40,
    });
    console.log(name, JSON.stringify(report));
  });

  it.each(cases)('and is cancelled: %s', async (name, { flow, options }) => {
    let cancelled = 0;
    const report = await crashEverywhere(flow, null, {
      ...options,
      poisonAfter: 1,
      outside: poisoned('cancel'),
      sample: 40,
      expect: (ending) => {
        if (ending.run.status === 'cancelled') cancelled += 1;
        else options.expect(ending);
      },
    });
    console.log(name, JSON.stringify({ ...report, cancelled }));
    expect(cancelled).toBeGreaterThan(3);
  });
});

it('a provider that has forgotten its keys, at every point: a person says what happened', async () => {
  const forgetful = { keyLifetime: 0.001 };
  const report = await crashEverywhere(
    (p) =>
      flowOf('forgetful', async (ctx) => {
        await ctx.step('pay', { ...p.step('pay'), ...forgetful });
        return ctx.step('ship', { ...p.step('ship'), ...forgetful });
      }),
    null,
    {
      sequence: ['pay', 'ship'],
      outside: operate,
      pairs: 15,
      expect: ({ run }) => expect(run).toMatchObject({ status: 'completed', output: { done: 'ship' } }),
    },
  );
  console.log('forgetful', JSON.stringify(report));
});
