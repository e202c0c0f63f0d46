import { expect, it } from 'vitest';
import { redisPins } from '../src/shared/pins.ts';
import { sharedRedis } from './shared-redis.ts';

const shared = sharedRedis();
const pins = () => redisPins({ connection: shared.connection() });

it('work goes where it is wished, until an attempt there may have had its effect', async () => {
  const { hold } = pins();
  expect(await hold('w', 'one', 'a')).toBe('a');
  expect(await hold('w', 'two', 'b')).toBe('a');
  expect(await hold('other', 'one', 'b')).toBe('b');
});

it('an attempt that did nothing binds no longer', async () => {
  const { hold, letGo } = pins();
  await hold('w', 'one', 'a');
  await letGo('w', 'one');
  expect(await hold('w', 'one', 'b')).toBe('b');
});

it('one that did nothing does not free what another binds', async () => {
  const { hold, letGo } = pins();
  await hold('w', 'one', 'a');
  await hold('w', 'two', 'a');
  await letGo('w', 'two');
  expect(await hold('w', 'three', 'b')).toBe('a');
});

it('the same hold, sent again since its reply was lost, is one', async () => {
  const { hold, letGo } = pins();
  await hold('w', 'one', 'a');
  expect(await hold('w', 'one', 'a')).toBe('a');
  await letGo('w', 'one');
  expect(await hold('w', 'two', 'b')).toBe('b');
});

it('a pin is forgotten in the end', async () => {
  await pins().hold('w', 'one', 'a');
  expect(await shared.connection().pttl('{hf0}/pin/w')).toBeGreaterThan(6 * 24 * 60 * 60 * 1000);
});
