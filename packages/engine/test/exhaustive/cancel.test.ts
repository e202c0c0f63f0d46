import { interruptEverywhere } from '@holdfast/testkit';
import { expect, it } from 'vitest';
import { children, steps, waits } from './scenarios.ts';

const cases = Object.entries({ ...steps, ...waits, ...children });

it.each(cases)(
  'cancelled at every point: %s',
  async (name, { flow, options }) => {
    const report = await interruptEverywhere(flow, null, {
      ...options,
      interrupt: (driver, runId) => driver.cancel(runId),
      // and a crash soon after it
      pairs: 12,
      expect: (ending) => {
        const cancelled = ending.run.status === 'cancelled';
        // a cancel that comes when nothing is left to do changes nothing
        if (!cancelled) options.expect(ending);
      },
    });
    console.log(name, JSON.stringify(report));
    expect(report.executions).toBeGreaterThan(10);
  },
  60_000,
);
