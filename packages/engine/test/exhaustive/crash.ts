import { crashEverywhere } from '@holdfast/testkit';
import { expect, it } from 'vitest';
import type { Case } from './scenarios.ts';

/** A test for each flow: one execution for every point and way to crash, and some with two crashes. */
export function crashEach(cases: Readonly<Record<string, Case>>): void {
  it.each(Object.entries(cases))(
    'every crash point: %s',
    async (name, { flow, options }) => {
      const report = await crashEverywhere(flow, null, { ...options, pairs: 10 });
      console.log(`${name}:`, JSON.stringify(report));
      expect(report.executions).toBeGreaterThan(20);
    },
    60_000,
  );
}
