import { expect, test } from 'vitest';
import type { BenchRun, Round } from '../src/bench.ts';
import { median, percentile } from '../src/statistics.ts';
import { summarize } from '../src/summary.ts';
import type { Measurement } from '../src/turn.ts';

test('median and percentiles, between two values where none is exact', () => {
  expect(median([5, 1, 3])).toBe(3);
  expect(median([4, 1, 3, 2])).toBe(2.5);
  expect(percentile([1, 2, 3, 4, 5], 100)).toBe(5);
  expect(percentile([0, 10], 99)).toBeCloseTo(9.9);
  expect(() => median([])).toThrow(RangeError);
});

const measured = (runsPerSecond: number): Measurement => ({
  ...{ runsPerSecond, drainedPerSecond: runsPerSecond * 2, p50Ms: 1, p99Ms: 2 },
  ...{ workerCpuMsPerRun: 1, submitterCpuMsPerRun: 1, redisCpuMsPerRun: 1 },
  ...{ workerPeakRssBytes: 1, aofBytesPerRun: 1 },
});
const round = (bare: number, byHand: number, holdfast: number): Round => ({
  bare: measured(bare),
  byHand: measured(byHand),
  holdfast: measured(holdfast),
});
const run: BenchRun = {
  date: '2026-01-01T00:00:00.000Z',
  machine: { cpu: 'x', cores: 2, node: '20.19.0', redis: '7.0.15' },
  // a machine that slows down between rounds does not move the ratios
  rounds: [round(400, 200, 180), round(40, 20, 18), round(30, 10, 30)],
};

test('ratios are those of contenders in the same round', () => {
  const { contenders } = summarize(run, undefined);
  expect(contenders.holdfast.runsPerSecond).toBe(30);
  expect(contenders.holdfast.ofByHand).toEqual({ runsPerSecond: 0.9, drainedPerSecond: 0.9 });
  expect(contenders.byHand.ofBare.runsPerSecond).toBe(0.5);
});

test('a floor is held or broken; none is neither', () => {
  expect(summarize(run, undefined)).toMatchObject({ floors: [], held: true });
  expect(summarize(run, 0.9)).toMatchObject({ floors: [{ atLeast: 0.9, measured: 0.9 }], held: true });
  expect(summarize(run, 0.91)).toMatchObject({ floors: [{ held: false }], held: false });
});
