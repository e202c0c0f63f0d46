import { expect, test } from 'vitest';
import { restartDelayMs } from '../src/restart-delay.ts';

test('the first restart is almost at once, later ones wait up to three seconds', () => {
  expect([1, 2, 3, 4, 5, 6, 7, 1000].map(restartDelayMs)).toEqual([
    100, 200, 400, 800, 1600, 3000, 3000, 3000,
  ]);
});
