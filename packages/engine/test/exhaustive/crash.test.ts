import { crashEverywhere } from '@holdfast/testkit';
import { expect, it } from 'vitest';
import { all } from './scenarios.ts';

it.each(Object.entries(all))(
  'every crash point: %s',
  async (name, { flow, options }) => {
    const report = await crashEverywhere(flow, null, { ...options, pairs: 10 });
    console.log(name, JSON.stringify(report));
    expect(report.executions).toBeGreaterThan(20);
  },
  60_000,
);
