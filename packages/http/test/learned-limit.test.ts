import { describe, expect, it } from 'vitest';
import { seeded, sharedRedis } from './shared-redis.ts';
import {
  fixedWindow,
  type SimulatedProvider,
  type Simulation,
  simulate,
  slidingWindow,
  tokenBucket,
} from './simulated-time.ts';

const shared = sharedRedis();

async function run(
  provider: SimulatedProvider,
  options: { callers: number; forMs: number; underWayMs?: number; arriveOverMs?: number; endpoint?: string },
) {
  const { store, clock } = shared.clocked();
  const simulation = await simulate(store, clock, provider, { ...options, random: seeded(7) });
  return { ...simulation, standing: (await store.read('sim', 1)).standing };
}

function takenPerSecond({ calls }: Simulation, fromMs: number, toMs: number): number {
  const taken = calls.filter(({ atMs, taken }) => taken && atMs >= fromMs && atMs < toMs);
  return taken.length / ((toMs - fromMs) / 1000);
}

const refused = ({ calls }: Simulation, fromMs: number) =>
  calls.filter(({ atMs, taken }) => !taken && atMs >= fromMs).length;

describe('a limit of 20 calls a second that nobody told us about', () => {
  it.each<[string, () => SimulatedProvider, number, string?]>([
    ['in any second', () => slidingWindow(20), 20],
    ['in any second, of one endpoint', () => slidingWindow(20), 20, 'charge'],
    ['in any second, by a slow provider', () => slidingWindow(20), 400],
    ['in each second of the clock', () => fixedWindow(20), 20],
    ['with bursts of 20', () => tokenBucket(20, 20), 20],
  ])(
    '%s is found at once, and used to nine tenths from the fourth second on',
    async (_what, provider, underWayMs, endpoint) => {
      const simulation = await run(provider(), {
        callers: 600,
        forMs: 25_000,
        underWayMs,
        ...(endpoint && { endpoint }),
      });
      expect(takenPerSecond(simulation, 4_000, 14_000)).toBeGreaterThan(18);
      // one of them each time it was felt for
      expect(takenPerSecond(simulation, 4_000, 25_000)).toBeGreaterThan(17);
      expect(refused(simulation, 1_000)).toBeLessThan(6);
    },
  );

  it('no call is made while the provider wants none', async () => {
    const { calls } = await run(slidingWindow(20, 2_000), { callers: 300, forMs: 20_000 });
    const refusals = calls.filter(({ taken }) => !taken);
    expect(refusals.length).toBeGreaterThan(0);
    for (const { atMs } of refusals) {
      // those under way were on their way already
      const early = calls.filter((call) => call.atMs > atMs + 20 && call.atMs < atMs + 20 + 2_000);
      const stillInTheFirstWave = atMs < 150;
      if (!stillInTheFirstWave) expect(early).toEqual([]);
    }
    expect(calls.filter(({ atMs }) => atMs > 200 && atMs < 2_000)).toEqual([]);
  });

  it('each caller gets its call, without asking much more often than it must', async () => {
    const { calls, asked } = await run(slidingWindow(20), { callers: 200, forMs: Number.POSITIVE_INFINITY });
    expect(calls.filter(({ taken }) => taken)).toHaveLength(200);
    expect(asked).toBeLessThan(1_000);
  });

  it('says what it is at: half of what was taken, after a refusal', async () => {
    const { standing } = await run(slidingWindow(20), { callers: 200, forMs: 1_250 });
    expect(standing.ceilingPerSecond).toBe(20);
    expect(standing.learnedPerSecond).toBeGreaterThanOrEqual(10);
    expect(standing.learnedPerSecond).toBeLessThan(14);
  });

  it('a burst that hides a lower limit is seen through', async () => {
    const simulation = await run(tokenBucket(20, 100), { callers: 800, forMs: 40_000, underWayMs: 50 });
    expect(simulation.standing.ceilingPerSecond).toBeGreaterThan(18);
    expect(simulation.standing.ceilingPerSecond).toBeLessThan(26);
    expect(refused(simulation, 15_000)).toBeLessThan(15);
  });

  it('a burst that hides a higher limit is left behind', async () => {
    const simulation = await run(tokenBucket(20, 5), { callers: 700, forMs: 50_000 });
    expect(takenPerSecond(simulation, 35_000, 45_000)).toBeGreaterThan(16);
  });

  it('a limit that is raised is found in time', async () => {
    const [before, after] = [slidingWindow(20), slidingWindow(60)];
    const provider = { call: (atMs: number) => (atMs < 10_000 ? before : after).call(atMs) };
    const simulation = await run(provider, { callers: 3_000, arriveOverMs: 50_000, forMs: 50_000 });
    expect(takenPerSecond(simulation, 45_000, 50_000)).toBeGreaterThan(40);
  });

  it('a limit that is lowered is found at once', async () => {
    const [before, after] = [slidingWindow(20), slidingWindow(5)];
    const provider = { call: (atMs: number) => (atMs < 10_000 ? before : after).call(atMs) };
    const simulation = await run(provider, { callers: 500, forMs: 30_000 });
    expect(takenPerSecond(simulation, 20_000, 30_000)).toBeGreaterThan(3);
    expect(refused(simulation, 10_000)).toBeLessThan(6);
  });
});

describe('one refusal after a lull', () => {
  it.each<[string, (calls: number) => boolean]>([
    ['of the first call', (calls) => calls === 1],
    ['of the second call', (calls) => calls === 2],
    ['of a call in the middle of the first ones', (calls) => calls === 4],
  ])('%s says little about the limit: 84 runs behind it are served within 15 s', async (_what, isRefused) => {
    let calls = 0;
    const provider = {
      call: () => {
        calls += 1;
        return isRefused(calls) ? 1_000 : undefined;
      },
    };
    const simulation = await run(provider, { callers: 84, arriveOverMs: 400, forMs: 60_000 });
    const taken = simulation.calls.filter((call) => call.taken);
    expect(taken).toHaveLength(84);
    expect(taken.at(-1)?.atMs).toBeLessThan(15_000);
  });

  it('a limit as low as one call a second is found all the same', async () => {
    const simulation = await run(slidingWindow(1), { callers: 60, forMs: 40_000 });
    expect(takenPerSecond(simulation, 10_000, 20_000)).toBeGreaterThan(0.6);
    expect(refused(simulation, 1_000)).toBeLessThan(12);
  });
});
