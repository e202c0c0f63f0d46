import { expect, test } from 'vitest';
import { parseOptions } from '../src/options.ts';

test('without options: ten thousand runs in five rounds, and the floor is held', () => {
  expect(parseOptions([])).toEqual({
    kind: 'bench',
    options: { runs: 10_000, rounds: 5, concurrency: 50, floor: 0.5, json: false },
  });
});

test('quick has no floor unless one is given', () => {
  const quick = { runs: 100, rounds: 1, concurrency: 50, floor: undefined, json: true };
  expect(parseOptions(['--quick', '--json'])).toEqual({ kind: 'bench', options: quick });
  expect(parseOptions(['--quick', '--json', '--floor', '1.25'])).toEqual({
    kind: 'bench',
    options: { ...quick, floor: 1.25 },
  });
});

test('each option counts', () => {
  expect(parseOptions(['--runs', '600', '--rounds', '3', '--concurrency', '25'])).toMatchObject({
    options: { runs: 600, rounds: 3, concurrency: 25 },
  });
});

test.each([
  [['--runs', '2', '--rounds', '3'], '--runs: expected a whole number from 3 to 1000000, got "2"'],
  [['--rounds', '0'], '--rounds: expected a whole number from 1 to 1000, got "0"'],
  [['--concurrency', '5x'], '--concurrency: expected a whole number from 1 to 1000, got "5x"'],
  [['--floor', '-1'], "Option '--floor' argument is ambiguous"],
  [['--floor', 'fast'], '--floor: expected a number such as 0.8, got "fast"'],
  [['--fast'], "Unknown option '--fast'"],
])('%j is refused', (args, message) => {
  expect(parseOptions(args)).toEqual({ kind: 'wrong', message: expect.stringContaining(message) });
});
