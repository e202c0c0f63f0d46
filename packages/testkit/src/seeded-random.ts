/** Numbers from 0 to 1 that follow from a seed. */
export type Random = () => number;

/** The generator mulberry32: the same seed, the same numbers. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed in `HOLDFAST_SEED`, to repeat what a failure printed; else a new one. */
export function chooseSeed(): number {
  const given = process.env.HOLDFAST_SEED;
  if (given === undefined || given === '') return Math.floor(Math.random() * 2 ** 31);
  const seed = Number(given);
  if (!Number.isSafeInteger(seed))
    throw new Error(`HOLDFAST_SEED must be a whole number, got ${JSON.stringify(given)}`);
  return seed;
}

export function pick<T>(random: Random, from: readonly T[]): T {
  const item = from[Math.floor(random() * from.length)];
  if (item === undefined) throw new Error('there is nothing to pick from');
  return item;
}
