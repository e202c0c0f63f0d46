import type { Limits, SharedStore, Verdict } from '../src/shared/shared-store.ts';
import type { Clock } from './shared-redis.ts';

/** A provider that lets so many calls through and says when to come back. */
export interface SimulatedProvider {
  /** @returns undefined when it takes the call, else its Retry-After in milliseconds */
  call(atMs: number): number | undefined;
}

/** So many calls in any second. */
export function slidingWindow(perSecond: number, retryAfterMs = 1000): SimulatedProvider {
  let taken: number[] = [];
  return {
    call(atMs) {
      taken = taken.filter((at) => at > atMs - 1000);
      if (taken.length >= perSecond) return retryAfterMs;
      taken.push(atMs);
      return undefined;
    },
  };
}

/** So many calls in each second of the clock. */
export function fixedWindow(perSecond: number, retryAfterMs = 1000): SimulatedProvider {
  const taken = new Map<number, number>();
  return {
    call(atMs) {
      const second = Math.floor(atMs / 1000);
      const count = taken.get(second) ?? 0;
      if (count >= perSecond) return retryAfterMs;
      taken.set(second, count + 1);
      return undefined;
    },
  };
}

/** A bucket of tokens that fills up again. */
export function tokenBucket(perSecond: number, burst: number, retryAfterMs = 1000): SimulatedProvider {
  let tokens = burst;
  let lastMs = 0;
  return {
    call(atMs) {
      tokens = Math.min(burst, tokens + ((atMs - lastMs) * perSecond) / 1000);
      lastMs = atMs;
      if (tokens < 1) return retryAfterMs;
      tokens -= 1;
      return undefined;
    },
  };
}

export interface Simulation {
  /** When each call reached the provider, and whether it took it. Milliseconds from the start. */
  readonly calls: readonly { readonly atMs: number; readonly taken: boolean }[];
  /** How often somebody asked and was told to come back. */
  readonly asked: number;
}

interface Event {
  readonly atMs: number;
  readonly does: () => Promise<void>;
}

/**
 * Callers that all want to make one call and come back when they are told to, a little late as an engine's callers do; in time that is
 * only counted. The scripts in Redis are the real ones.
 */
export async function simulate(
  store: SharedStore,
  clock: Clock,
  provider: SimulatedProvider,
  options: {
    readonly callers: number;
    /** They come one after the other over this time. Default: at once. */
    readonly arriveOverMs?: number;
    readonly underWayMs?: number;
    readonly limits?: Limits;
    readonly forMs?: number;
    /** Where the limit is one endpoint's. */
    readonly endpoint?: string;
    readonly random: () => number;
  },
): Promise<Simulation> {
  const {
    callers,
    arriveOverMs = 100,
    underWayMs = 20,
    limits = {},
    forMs = Number.POSITIVE_INFINITY,
    random,
    endpoint,
  } = options;
  const startMs = clock.nowMs;
  const events: Event[] = [];
  const calls: { atMs: number; taken: boolean }[] = [];
  let asked = 0;
  const at = (atMs: number, does: Event['does']) => {
    const index = events.findIndex((event) => event.atMs > atMs);
    events.splice(index === -1 ? events.length : index, 0, { atMs, does });
  };
  const settle = (permit: string, admittedAtMs: number, verdict: Verdict, closedForMs?: number) => {
    const taken = new Map(verdict === 'ok' ? [[Math.floor(admittedAtMs / 250), 1]] : []);
    return store.settle('sim', {
      ...{ permit, admittedAtMs, verdict, limits, closedForMs, policyPerSecond: undefined },
      taken,
      endpoint: endpoint === undefined ? undefined : { name: endpoint, taken, accountIsLimited: false },
      breaker: { firstMs: 1000, maxMs: 10_000 },
    });
  };
  const caller = (number: number): Event['does'] => {
    const ask = async (again: boolean): Promise<void> => {
      const permit = `p${number}`;
      const asks = { permit, limits, endpoint, leaseMs: 30_000, patienceMs: 250, again };
      const admission = await store.admit('sim', asks);
      const { waitMs } = admission;
      if (!admission.go) {
        asked += 1;
        const jitterMs = waitMs > 250 ? random() * 500 : 0;
        at(clock.nowMs + waitMs + jitterMs, () => ask(false));
      } else if (waitMs > 0) {
        at(clock.nowMs + waitMs + random() * 5, () => ask(true));
      } else {
        const admittedAtMs = clock.nowMs;
        const retryAfterMs = provider.call(clock.nowMs - startMs);
        calls.push({ atMs: clock.nowMs - startMs, taken: retryAfterMs === undefined });
        at(clock.nowMs + underWayMs, async () => {
          const verdict = retryAfterMs === undefined ? 'ok' : 'throttled';
          const { gateMs } = await settle(permit, admittedAtMs, verdict, retryAfterMs);
          if (retryAfterMs !== undefined) at(clock.nowMs + gateMs + random() * 500, () => ask(false));
        });
      }
    };
    return () => ask(false);
  };
  for (let number = 0; number < callers; number += 1) {
    at(startMs + random() * arriveOverMs, caller(number));
  }
  for (let next = events.shift(); next && next.atMs - startMs < forMs; next = events.shift()) {
    clock.nowMs = Math.max(clock.nowMs, Math.ceil(next.atMs));
    await next.does();
  }
  return { calls, asked };
}
