import { LATENCY_BOUNDS_MS, percentileMs } from './latency.ts';
import type { EndpointStanding, Reading, SharedStore, Standing, WaitReason } from './shared-store.ts';
import type { ErrorSeen, OutcomeKind } from './tally.ts';

/** How one provider (and account) has been doing, over all workers. JSON only. */
export interface ProviderHealth {
  readonly provider: string;
  /** Eight digits of a hash; tells two accounts of a provider apart, and what was before a change of its URL or key. */
  readonly account: string;
  /** What the counts below are over. */
  readonly minutes: number;
  /** Calls that were made. */
  readonly calls: number;
  readonly outcomes: Readonly<Record<OutcomeKind, number>>;
  /** Calls that were throttled, unavailable or in doubt, of all; a rejection is an answer. 0 without calls. */
  readonly errorRate: number;
  /** Absent without calls. */
  readonly latencyMs?: { readonly p50: number; readonly p95: number; readonly p99: number };
  /** The most frequent first. */
  readonly errors: readonly { readonly kind: string; readonly code: string; readonly count: number }[];
  /** How often a call was put off without being made, and why. */
  readonly waits: Readonly<Record<WaitReason, number>>;
  readonly limit: Omit<Standing, 'breaker'>;
  /** Those with a limit of their own: the provider refused them and not the others. */
  readonly endpoints: readonly EndpointStanding[];
  readonly breaker: Standing['breaker'];
  /** Up to 100 of the last week, the latest first. */
  readonly lastErrors: readonly ErrorSeen[];
}

/** All providers that were called in the last week. @param minutes what the counts are over, from 1 to 60 */
export async function providerHealth(store: SharedStore, minutes = 15): Promise<readonly ProviderHealth[]> {
  const scopes = await store.scopes();
  return Promise.all(scopes.map(async (scope) => toHealth(scope, minutes, await store.read(scope, minutes))));
}

function toHealth(
  scope: string,
  minutes: number,
  { counts, standing, endpoints, errors }: Reading,
): ProviderHealth {
  const [provider = scope, account = ''] = scope.split('@');
  const count = (name: string) => counts.get(name) ?? 0;
  const outcomes = {
    ok: count('ok'),
    rejected: count('rejected'),
    misconfigured: count('misconfigured'),
    throttled: count('throttled'),
    unavailable: count('unavailable'),
    in_doubt: count('in_doubt'),
  };
  const calls = Object.values(outcomes).reduce((sum, each) => sum + each, 0);
  const failed = outcomes.misconfigured + outcomes.throttled + outcomes.unavailable + outcomes.in_doubt;
  const latency = latencyOf(counts);
  const { breaker, ...limit } = standing;
  return {
    ...{ provider, account, minutes, calls, outcomes },
    errorRate: calls === 0 ? 0 : failed / calls,
    ...(latency ? { latencyMs: latency } : {}),
    errors: errorCounts(counts),
    waits: {
      breaker: count('wait:breaker'),
      gate: count('wait:gate'),
      concurrency: count('wait:concurrency'),
      rate: count('wait:rate'),
    },
    ...{ limit, endpoints, breaker, lastErrors: errors },
  };
}

function latencyOf(counts: Reading['counts']): ProviderHealth['latencyMs'] {
  const buckets = Array.from({ length: LATENCY_BOUNDS_MS.length + 1 }, (_, n) => counts.get(`ms:${n}`) ?? 0);
  const at = (share: number) => percentileMs(buckets, share);
  const [p50, p95, p99] = [at(0.5), at(0.95), at(0.99)];
  return p50 === undefined || p95 === undefined || p99 === undefined ? undefined : { p50, p95, p99 };
}

function errorCounts(counts: Reading['counts']): ProviderHealth['errors'] {
  return [...counts]
    .flatMap(([name, count]) => {
      const [, kind, code] = /^error:([a-z_]+):(.*)$/.exec(name) ?? [];
      return kind === undefined || code === undefined ? [] : [{ kind, code, count }];
    })
    .toSorted((a, b) => b.count - a.count);
}
