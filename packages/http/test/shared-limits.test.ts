import { describe, expect, it } from 'vitest';
import type { Ask, Limits, Result, SharedStore } from '../src/shared/shared-store.ts';
import { sharedRedis } from './shared-redis.ts';

const shared = sharedRedis();

const ask = (permit: string, limits: Limits = {}, more: Partial<Ask> = {}): Ask => ({
  ...{ permit, limits, leaseMs: 30_000, patienceMs: 250, again: false },
  ...more,
});
const result = (permit: string, verdict: Result['verdict'], more: Partial<Result> = {}): Result => ({
  ...{ permit, admittedAtMs: 0, verdict, closedForMs: undefined, policyPerSecond: undefined },
  ...{ taken: new Map(), limits: {}, breaker: { firstMs: 1_000, maxMs: 10_000 } },
  ...more,
});

/** What each of so many askers is told, in short. */
async function askAll(store: SharedStore, limits: Limits, count: number): Promise<(number | string)[]> {
  const told: (number | string)[] = [];
  for (let n = 0; n < count; n += 1) {
    const admission = await store.admit('p', ask(`p.${n}`, limits));
    told.push(admission.go ? Math.round(admission.waitMs) : admission.reason);
  }
  return told;
}

describe('without limits', () => {
  it('a call goes at once, and nothing is written', async () => {
    const { store } = shared.clocked();
    expect(await askAll(store, {}, 3)).toEqual([0, 0, 0]);
    expect(await shared.connection().dbsize()).toBe(0);
  });

  it("works on Redis' own clock", async () => {
    const admission = await shared.store().admit('p', ask('p.1'));
    expect(Math.abs(admission.nowMs - Date.now())).toBeLessThan(5_000);
  });
});

describe('a rate', () => {
  it('spaces calls; who would wait longer than a moment is told when to come back', async () => {
    const { store, clock } = shared.clocked();
    expect(await askAll(store, { ratePerSecond: 10, burst: 1 }, 5)).toEqual([0, 100, 200, 'rate', 'rate']);
    clock.nowMs += 100;
    expect(await askAll(store, { ratePerSecond: 10, burst: 1 }, 1)).toEqual([200]);
  });

  it('lets a burst through after a pause', async () => {
    const { store, clock } = shared.clocked();
    const limits = { ratePerSecond: 2, burst: 4 };
    expect(await askAll(store, limits, 5)).toEqual([0, 0, 0, 0, 'rate']);
    clock.nowMs += 2_000;
    expect(await askAll(store, limits, 5)).toEqual([0, 0, 0, 0, 'rate']);
  });

  it('those told to come back come one after the other', async () => {
    const { store } = shared.clocked();
    const waits: number[] = [];
    for (let n = 0; n < 40; n += 1) {
      const admission = await store.admit('p', ask(`p.${n}`, { ratePerSecond: 20, burst: 1 }));
      if (!admission.go) waits.push(admission.waitMs);
    }
    const gaps = waits.slice(1).map((ms, index) => ms - (waits[index] ?? 0));
    expect(Math.min(...gaps.slice(5))).toBeGreaterThanOrEqual(39);
    expect(Math.max(...gaps.slice(5))).toBeLessThanOrEqual(51);
  });

  it('takes back what a call was let in for that was not made in time', async () => {
    const { store } = shared.clocked();
    const limits = { ratePerSecond: 1, burst: 1 };
    expect(await store.admit('p', ask('a.1', limits))).toMatchObject({ go: true, waitMs: 0 });
    // it asks again, since its permit was stale, and is let in for the same call
    expect(await store.admit('p', { ...ask('a.1', limits), unused: true })).toMatchObject({
      go: true,
      waitMs: 0,
    });
    expect(await store.admit('p', ask('b.1', limits))).toMatchObject({ go: false });
  });

  it('is one for all who ask for the same provider, and none of the others', async () => {
    const { store } = shared.clocked();
    const limits = { ratePerSecond: 1, burst: 1 };
    expect(await store.admit('p', ask('a.1', limits))).toMatchObject({ go: true });
    expect(await store.admit('p', ask('b.1', limits))).toMatchObject({ go: false, reason: 'rate' });
    expect(await store.admit('q', ask('b.1', limits))).toMatchObject({ go: true });
  });
});

describe('concurrency', () => {
  const limits = { concurrency: 2 };

  it('is held until a call is over', async () => {
    const { store } = shared.clocked();
    expect(await askAll(store, limits, 3)).toEqual([0, 0, 'concurrency']);
    await store.settle('p', result('p.0', 'ok'));
    expect(await store.admit('p', ask('p.3', limits))).toMatchObject({ go: true, oneByOne: true });
    expect(await store.admit('p', ask('p.4', limits))).toMatchObject({ go: false });
  });

  it('of a worker that died comes free when its call cannot be under way any more', async () => {
    const { store, clock } = shared.clocked();
    await askAll(store, limits, 2);
    clock.nowMs += 29_999;
    expect(await store.admit('p', ask('p.9', limits))).toMatchObject({ go: false });
    clock.nowMs += 2;
    expect(await store.admit('p', ask('p.9', limits))).toMatchObject({ go: true });
  });

  it('a question that is sent twice, its reply being lost, takes one slot', async () => {
    const { store } = shared.clocked();
    await store.admit('p', ask('p.1', limits));
    await store.admit('p', ask('p.1', limits));
    expect((await store.read('p', 1)).standing.slotsHeld).toBe(1);
    expect(await store.admit('p', ask('p.2', limits))).toMatchObject({ go: true });
  });
});

describe('a gate', () => {
  it('that one worker was told of is closed for all, to the millisecond', async () => {
    const { store, clock } = shared.clocked();
    await store.admit('p', ask('a.1'));
    const { gateMs } = await store.settle('p', result('a.1', 'failed', { closedForMs: 3_000 }));
    expect(gateMs).toBe(3_000);
    expect(await store.admit('p', ask('b.1'))).toMatchObject({ go: false, reason: 'gate', waitMs: 3_016 });
    clock.nowMs += 2_999;
    expect(await store.admit('p', ask('b.1'))).toMatchObject({ go: false, reason: 'gate' });
    clock.nowMs += 1;
    expect(await store.admit('p', ask('b.1'))).toMatchObject({ go: true });
  });

  it('opens when the latest of several says so', async () => {
    const { store } = shared.clocked();
    await store.settle('p', result('a.1', 'failed', { closedForMs: 3_000 }));
    expect(await store.settle('p', result('a.2', 'failed', { closedForMs: 1_000 }))).toMatchObject({
      gateMs: 3_000,
    });
  });

  it('closes for those too who were let in and wait on the spot', async () => {
    const { store, clock } = shared.clocked();
    const limits = { ratePerSecond: 10, burst: 1 };
    await store.admit('p', ask('a.1', limits));
    expect(await store.admit('p', ask('b.1', limits))).toMatchObject({ go: true, waitMs: 100 });
    await store.settle('p', result('a.1', 'throttled', { admittedAtMs: clock.nowMs, closedForMs: 2_000 }));
    clock.nowMs += 100;
    expect(await store.admit('p', ask('b.1', limits, { again: true }))).toMatchObject({
      go: false,
      reason: 'gate',
    });
  });

  it('is closed for a second by a 429 that does not say for how long, and for half of one by a 429 that says 0', async () => {
    const { store } = shared.clocked();
    expect(await store.settle('p', result('a.1', 'throttled', { admittedAtMs: 1 }))).toMatchObject({
      gateMs: 1_000,
    });
    expect(
      await store.settle('q', result('a.1', 'throttled', { admittedAtMs: 1, closedForMs: 0 })),
    ).toMatchObject({ gateMs: 500 });
  });
});

describe('very many who wait for a gate', () => {
  it('come back one after the other, also where nothing was learned of the rate', async () => {
    const { store } = shared.clocked();
    await store.settle('p', result('a.1', 'failed', { closedForMs: 3_000 }));
    const waits: number[] = [];
    for (let n = 0; n < 200; n += 1) {
      const admission = await store.admit('p', ask(`p.${n}`));
      if (!admission.go) waits.push(admission.waitMs);
    }
    expect(waits).toHaveLength(200);
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(3_000);
    expect(Math.max(...waits)).toBeGreaterThan(3_000 + 199 * 15);
  });

  it('that is closed for an hour look in twenty times a second together, the first after a minute', async () => {
    const { store } = shared.clocked();
    await store.settle('p', result('a.1', 'throttled', { admittedAtMs: 1, closedForMs: 3_600_000 }));
    const waits: number[] = [];
    for (let n = 0; n < 20_000; n += 500) {
      const asks = Array.from({ length: 500 }, (_, i) => store.admit('p', ask(`p.${n + i}`)));
      for (const admission of await Promise.all(asks)) if (!admission.go) waits.push(admission.waitMs);
    }
    expect(Math.min(...waits)).toBe(60_000);
    expect(waits.filter((ms) => ms < 120_000).length).toBeLessThanOrEqual(1_210);
    expect(Math.max(...waits)).toBeLessThanOrEqual(900_000);
  });
});

describe('an endpoint', () => {
  const at = (endpoint: string, permit: string) => ({ ...ask(permit), endpoint });
  const refused = (name: string, permit: string, admittedAtMs: number, more = {}) =>
    result(permit, 'throttled', {
      ...{ admittedAtMs, closedForMs: 5_000 },
      endpoint: {
        name,
        taken: new Map([[Math.floor(admittedAtMs / 250), 30]]),
        accountIsLimited: false,
        ...more,
      },
    });

  it('that is refused keeps calls to it away, and no others', async () => {
    const { store, clock } = shared.clocked();
    await store.settle('p', refused('charge', 'a.1', clock.nowMs));
    expect(await store.admit('p', at('charge', 'b.1'))).toMatchObject({ go: false, reason: 'gate' });
    expect(await store.admit('p', at('refund', 'b.2'))).toMatchObject({ go: true, waitMs: 0, spaced: false });
    expect(await store.admit('p', ask('b.3'))).toMatchObject({ go: true });
    clock.nowMs += 5_000;
    // it has a rate of its own from then on: half of what it took
    const waits: number[] = [];
    for (const n of [1, 2, 3]) {
      const admission = await store.admit('p', at('charge', `c.${n}`));
      waits.push(admission.waitMs);
    }
    expect(waits).toEqual([0, 67, 134]);
    expect(await store.admit('p', at('refund', 'c.9'))).toMatchObject({ go: true, waitMs: 0 });
    const { standing, endpoints } = await store.read('p', 1);
    expect(standing.learnedPerSecond).toBeUndefined();
    expect(endpoints).toMatchObject([{ endpoint: 'charge', ceilingPerSecond: 30, closedForMs: 0 }]);
  });

  it('and another one within a minute: it is the account', async () => {
    const { store, clock } = shared.clocked();
    await store.settle('p', refused('charge', 'a.1', clock.nowMs));
    clock.nowMs += 30_000;
    await store.settle('p', refused('refund', 'a.2', clock.nowMs));
    expect(await store.admit('p', at('read', 'b.1'))).toMatchObject({ go: false, reason: 'gate' });
    clock.nowMs += 5_000;
    await store.admit('p', at('read', 'b.1'));
    expect((await store.read('p', 1)).standing.ceilingPerSecond).toBe(10);
  });

  it('much later: it is that one alone', async () => {
    const { store, clock } = shared.clocked();
    await store.settle('p', refused('charge', 'a.1', clock.nowMs));
    clock.nowMs += 61_000;
    await store.settle('p', refused('refund', 'a.2', clock.nowMs));
    expect(await store.admit('p', at('read', 'b.1'))).toMatchObject({ go: true });
  });

  it('of which the provider says that the account is limited slows the account at once', async () => {
    const { store, clock } = shared.clocked();
    await store.settle('p', refused('charge', 'a.1', clock.nowMs, { accountIsLimited: true }));
    expect(await store.admit('p', at('refund', 'b.1'))).toMatchObject({ go: false, reason: 'gate' });
  });

  it('is opened by a person with the account', async () => {
    const { store, clock } = shared.clocked();
    await store.settle('p', refused('charge', 'a.1', clock.nowMs));
    expect(await store.reopen('p')).toEqual({ closedForMs: 5_000, breaker: 'closed' });
    expect(await store.admit('p', at('charge', 'b.1'))).toMatchObject({ go: true });
  });
});

describe('what a 429 does to the rate', () => {
  const refusedAt = async (limits: Limits, more: Partial<Result> = {}) => {
    const { store, clock } = shared.clocked();
    const admittedAtMs = clock.nowMs;
    for (const permit of ['a.1', 'a.2', 'a.3']) {
      const closing = { admittedAtMs, closedForMs: 1_000, limits, ...more };
      await store.settle('p', result(permit, 'throttled', closing));
    }
    clock.nowMs += 1_000;
    await store.admit('p', ask('a.4', limits));
    return (await store.read('p', 1)).standing;
  };

  it('several under way together halve it once', async () => {
    const standing = await refusedAt(
      { ratePerSecond: 40 },
      { taken: new Map([[Math.floor(Date.UTC(2026, 0, 31, 12) / 250), 10]]) },
    );
    expect(standing).toMatchObject({ ceilingPerSecond: 30, learnedPerSecond: 15 });
  });

  it('the configured rate is the most it grows back to', async () => {
    const { store, clock } = shared.clocked();
    const limits = { ratePerSecond: 10, burst: 1 };
    await store.settle('p', result('a.1', 'throttled', { admittedAtMs: clock.nowMs, limits }));
    clock.nowMs += 60_000;
    for (let n = 0; n < 2_000; n += 1) {
      const admission = await store.admit('p', ask(`p.${n}`, limits));
      clock.nowMs += admission.go ? admission.waitMs : 100;
    }
    const before = clock.nowMs;
    let calls = 0;
    while (clock.nowMs < before + 10_000) {
      const admission = await store.admit('p', ask(`q.${calls}`, limits));
      if (admission.go) calls += 1;
      clock.nowMs += admission.go ? Math.max(1, admission.waitMs) : 50;
    }
    expect(calls).toBeGreaterThan(90);
    expect(calls).toBeLessThanOrEqual(103);
  });

  it("the provider's own word counts more than what was measured", async () => {
    expect(await refusedAt({}, { policyPerSecond: 5 })).toMatchObject({
      ceilingPerSecond: 5,
      learnedPerSecond: 2.5,
    });
  });

  it('a provider that had taken nothing is tried at five a second: a refusal after a lull says little', async () => {
    expect(await refusedAt({})).toMatchObject({ ceilingPerSecond: 10, learnedPerSecond: 5 });
  });
});

it('no key is without a time to live', async () => {
  const { store, clock } = shared.clocked();
  await store.admit('p', ask('a.1', { ratePerSecond: 5, concurrency: 3 }));
  const taken = new Map([[Math.floor(clock.nowMs / 250), 2]]);
  await store.settle('p', result('a.1', 'throttled', { admittedAtMs: clock.nowMs, taken }));
  await store.settle('p', result('a.2', 'failed'));
  const endpoint = { name: 'charge', taken, accountIsLimited: false };
  await store.settle('p', result('a.4', 'throttled', { admittedAtMs: clock.nowMs, endpoint }));
  await store.admit('p', ask('a.3', { concurrency: 3 }));
  await store.record('p', {
    ...{ minute: Math.floor(clock.nowMs / 60_000), taken, counts: new Map([['ok', 2]]) },
    takenAt: new Map([['charge', taken]]),
    errors: [{ at: '2026-01-31T12:00:00.000Z', kind: 'throttled', code: 'x', message: 'x', durationMs: 1 }],
  });
  const keys = await shared.connection().keys('*');
  expect(keys.toSorted()).toEqual([
    expect.stringMatching(/^\{hf0\}\/health\/p\/\d+$/),
    '{hf0}/health/p/errors',
    '{hf0}/limit/p',
    '{hf0}/limit/p/at/charge',
    '{hf0}/limit/p/at/charge/taken',
    '{hf0}/limit/p/failed',
    '{hf0}/limit/p/refused',
    '{hf0}/limit/p/taken',
    '{hf0}/providers',
  ]);
  for (const key of keys) expect(await shared.connection().pttl(key), key).toBeGreaterThan(0);
});
