import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { z } from 'zod';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

const FIGURES = z.object({
  runsPerSecond: z.number().positive(),
  drainedPerSecond: z.number().positive(),
  p50Ms: z.number().positive(),
  p99Ms: z.number().positive(),
  workerCpuMsPerRun: z.number().positive(),
  redisCpuMsPerRun: z.number().positive(),
  workerPeakRssBytes: z.number().positive(),
  aofBytesPerRun: z.number().positive(),
  ofByHand: z.object({ runsPerSecond: z.number().positive() }),
});
const REPORT = z.object({
  contenders: z.object({ bare: FIGURES, byHand: FIGURES, holdfast: FIGURES }),
  floors: z.array(z.object({ atLeast: z.number(), measured: z.number(), held: z.boolean() })).length(1),
  held: z.boolean(),
});

test('measures all contenders on a Redis of its own, prints the figures and JSON last, and fails below the floor', () => {
  const args = [MAIN, '--quick', '--runs', '40', '--floor', '1000', '--json'];
  const ran = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(ran.stderr).toBe(
    ['bare BullMQ job', 'BullMQ by hand', 'Holdfast'].map((name) => `round 1 of 1: ${name}\n`).join(''),
  );
  const lines = ran.stdout.trim().split('\n');
  const { contenders, floors, held } = REPORT.parse(JSON.parse(lines.at(-1) ?? ''));
  expect(held).toBe(false);
  expect(floors[0]).toMatchObject({ atLeast: 1_000, measured: contenders.holdfast.ofByHand.runsPerSecond });
  // the journal holds more than bare jobs do, by far
  expect(contenders.holdfast.aofBytesPerRun).toBeGreaterThan(contenders.bare.aofBytesPerRun + 4 * 200);
  expect(ran.stdout).toMatch(/✗ broken: .* the floor 1000\.00/);
  expect(ran.status).toBe(1);
}, 60_000);

test('says what it did not understand', () => {
  const ran = spawnSync(process.execPath, [MAIN, '--runs', 'many'], { encoding: 'utf8' });
  expect(ran.stderr).toMatch(/^--runs: expected a whole number .*\n\nUsage: npm run bench/);
  expect(ran.status).toBe(2);
});
