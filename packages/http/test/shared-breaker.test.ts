import { describe, expect, it } from 'vitest';
import type { Admission, SharedStore, Verdict } from '../src/shared/shared-store.ts';
import { type Clock, sharedRedis } from './shared-redis.ts';

const shared = sharedRedis();

/** A provider's breaker, as several workers see it. */
function breaker({ store, clock }: { readonly store: SharedStore; readonly clock: Clock }) {
  let calls = 0;
  const settle = (permit: string, verdict: Verdict, taken: ReadonlyMap<number, number> = new Map()) =>
    store.settle('p', {
      ...{ permit, admittedAtMs: clock.nowMs, verdict, taken, limits: {} },
      ...{ closedForMs: undefined, policyPerSecond: undefined },
      breaker: { firstMs: 1_000, maxMs: 4_000 },
    });
  return {
    settle,
    ask(permit = `w.${++calls}`): Promise<Admission> {
      return store.admit('p', { permit, limits: {}, leaseMs: 30_000, patienceMs: 250, again: false });
    },
    async fail(times: number) {
      for (let n = 0; n < times; n += 1) await settle(`w.${++calls}`, 'failed');
    },
    /** So many calls were taken just now. */
    succeed: (count: number) =>
      settle(`w.${++calls}`, 'neutral', new Map([[Math.floor(clock.nowMs / 250), count]])),
    state: async () => (await store.read('p', 1)).standing.breaker,
  };
}

/** What waits comes back one after the other, the first of them a moment after that. */
const from = (ms: number) => expect.toSatisfy((waitMs: number) => waitMs >= ms && waitMs < ms + 100);

describe('a breaker', () => {
  it('opens at the fifth failure, for all', async () => {
    const { ask, fail, state } = breaker(shared.clocked());
    await fail(4);
    expect(await ask()).toMatchObject({ go: true, probe: false });
    await fail(1);
    expect(await ask()).toMatchObject({ go: false, reason: 'breaker', waitMs: from(1_000) });
    expect(await state()).toEqual({ state: 'open', probeInMs: 1_000 });
  });

  it('stays closed while most calls are taken, whoever made them', async () => {
    const { ask, fail, succeed } = breaker(shared.clocked());
    await succeed(6);
    await fail(5);
    expect(await ask()).toMatchObject({ go: true });
    await fail(1);
    expect(await ask()).toMatchObject({ go: false });
  });

  it('opens soon at a provider that was busy until a moment ago', async () => {
    const system = shared.clocked();
    const { ask, fail, succeed } = breaker(system);
    for (let second = 0; second < 8; second += 1) {
      await succeed(20);
      system.clock.nowMs += 1_000;
    }
    await fail(15);
    system.clock.nowMs += 1_000;
    await fail(15);
    expect(await ask()).toMatchObject({ go: false, reason: 'breaker' });
  });

  it('forgets failures after some seconds', async () => {
    const system = shared.clocked();
    const { ask, fail } = breaker(system);
    await fail(4);
    system.clock.nowMs += 8_000;
    await fail(4);
    expect(await ask()).toMatchObject({ go: true });
  });

  it('lets one probe through when its time is up, and no other, in whatever order they ask', async () => {
    const system = shared.clocked();
    const { ask, fail, state } = breaker(system);
    await fail(5);
    system.clock.nowMs += 1_000;
    expect(await state()).toEqual({ state: 'half_open' });
    expect(await ask('a.1')).toMatchObject({ go: true, probe: true, oneByOne: false });
    const herd = await Promise.all(Array.from({ length: 50 }, () => ask()));
    expect(herd.filter(({ go }) => go)).toEqual([]);
    expect(await ask('a.1')).toMatchObject({ go: true, probe: true });
  });

  it('closes when the probe is taken', async () => {
    const system = shared.clocked();
    const { ask, fail, settle, state } = breaker(system);
    await fail(5);
    system.clock.nowMs += 1_000;
    await ask('a.1');
    await settle('a.1', 'ok');
    expect(await state()).toEqual({ state: 'closed' });
    expect(await ask()).toMatchObject({ go: true, probe: false });
  });

  it('opens for longer each time the probe fails, up to a bound, and from the start after it was closed', async () => {
    const system = shared.clocked();
    const { ask, fail, settle } = breaker(system);
    await fail(5);
    for (const openMs of [1_000, 2_000, 4_000, 4_000]) {
      expect(await ask()).toMatchObject({ go: false, waitMs: from(openMs) });
      system.clock.nowMs += openMs;
      await ask('a.1');
      await settle('a.1', 'failed');
    }
    system.clock.nowMs += 4_000;
    await ask('a.1');
    await settle('a.1', 'ok');
    await fail(5);
    expect(await ask()).toMatchObject({ go: false, waitMs: from(1_000) });
  });

  it('a 429 closes it: the provider is there', async () => {
    const system = shared.clocked();
    const { ask, fail, settle, state } = breaker(system);
    await fail(5);
    system.clock.nowMs += 1_000;
    await ask('a.1');
    await settle('a.1', 'throttled');
    expect(await state()).toEqual({ state: 'closed' });
  });

  it('another probe goes when one was given up, or its worker has died', async () => {
    const system = shared.clocked();
    const { ask, fail, settle } = breaker(system);
    await fail(5);
    system.clock.nowMs += 1_000;
    await ask('a.1');
    await settle('a.1', 'neutral');
    expect(await ask('b.1')).toMatchObject({ go: true, probe: true });
    system.clock.nowMs += 29_999;
    expect(await ask('c.1')).toMatchObject({ go: false });
    system.clock.nowMs += 2;
    expect(await ask('c.1')).toMatchObject({ go: true, probe: true });
  });

  it('what was under way when it opened changes nothing', async () => {
    const { ask, fail, settle, state } = breaker(shared.clocked());
    await ask('late.1');
    await fail(5);
    await fail(10);
    await settle('late.1', 'ok');
    expect(await state()).toEqual({ state: 'open', probeInMs: 1_000 });
  });

  it('the longer a probe takes, the longer the others stay away', async () => {
    const system = shared.clocked();
    const { ask, fail } = breaker(system);
    await fail(5);
    system.clock.nowMs += 1_000;
    await ask('a.1');
    expect(await ask()).toMatchObject({ waitMs: from(250) });
    system.clock.nowMs += 5_000;
    expect(await ask()).toMatchObject({ waitMs: from(5_000) });
  });

  it('has those who wait come back one after the other, at the pace at which calls went before', async () => {
    const system = shared.clocked();
    const { ask, fail, succeed } = breaker(system);
    // 100 a second
    await succeed(25);
    system.clock.nowMs += 250;
    await fail(26);
    const waits: number[] = [];
    for (let n = 0; n < 500; n += 1) {
      const admission = await ask();
      waits.push(admission.go ? 0 : admission.waitMs);
    }
    const [first = 0] = waits;
    expect(first).toBeGreaterThanOrEqual(1_000);
    // no more of them in any second than went before, by a quarter
    for (let second = first; second < (waits.at(-1) ?? 0); second += 500) {
      const within = waits.filter((ms) => ms >= second && ms < second + 1_000).length;
      expect(within).toBeLessThanOrEqual(130);
    }
    expect(waits.at(-1)).toBeGreaterThan(1_000 + 500 * 8 - 100);
  });

  it('has nobody look in more than once in minutes when very many wait', async () => {
    const { ask, fail } = breaker(shared.clocked());
    await fail(5);
    const waits: number[] = [];
    for (let n = 0; n < 20_000; n += 500) {
      const admissions = await Promise.all(Array.from({ length: 500 }, () => ask()));
      waits.push(...admissions.map((admission) => (admission.go ? 0 : admission.waitMs)));
    }
    const within = (ms: number) => waits.filter((each) => each < ms).length;
    expect(within(11_000)).toBeLessThan(700);
    // twenty a second
    expect(within(61_000)).toBeLessThan(1_700);
    expect(Math.max(...waits)).toBeLessThanOrEqual(900_000);
  });

  it('has no more than twenty look in a second once it was open for a while', async () => {
    const system = shared.clocked();
    const { ask, fail, settle } = breaker(system);
    await fail(5);
    for (const openMs of [1_000, 2_000, 4_000, 4_000]) {
      system.clock.nowMs += openMs;
      const probe = `w.9${openMs + system.clock.nowMs}`;
      expect(await ask(probe)).toMatchObject({ go: true, probe: true });
      await settle(probe, 'failed');
    }
    const waits: number[] = [];
    for (let n = 0; n < 2_000; n += 500) {
      const admissions = await Promise.all(Array.from({ length: 500 }, () => ask()));
      waits.push(...admissions.map((admission) => (admission.go ? 0 : admission.waitMs)));
    }
    for (let from = 10_000; from < 60_000; from += 5_000)
      expect(waits.filter((ms) => ms >= from && ms < from + 1_000).length).toBeLessThanOrEqual(21);
  });
});
