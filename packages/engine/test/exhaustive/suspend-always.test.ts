import { crashEverywhere } from '@holdfast/testkit';
import { expect, it } from 'vitest';
import { all } from './scenarios.ts';

it.each(Object.entries(all))(
  'leaving and coming back after every step: %s',
  async (name, { flow, options }) => {
    const report = await crashEverywhere(flow, null, { ...options, leavesAfterEachStep: true, sample: 15 });
    console.log(name, JSON.stringify(report));
    expect(report.points).toBeGreaterThan(5);
  },
  60_000,
);
