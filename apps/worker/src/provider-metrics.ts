import type { Logger } from '@holdfast/app-kit';
import { type GuardObserver, type ProviderHealth, providerHealth, type SharedStore } from '@holdfast/http';
import { Counter, Histogram, type Registry } from 'prom-client';
import { refusesUs } from './refuses-us.ts';
import { oncePerScrape, sharedGauge } from './shared-gauges.ts';

const ALARM_EVERY_MS = 60_000;

/** What this worker's calls to providers come to, as metrics; credentials that a provider refuses are an alarm in the log. */
export function providerMetrics(registry: Registry, store: SharedStore, log: Logger): GuardObserver {
  const registers = [registry];
  const calls = new Counter({
    name: 'holdfast_provider_calls_total',
    help: 'Calls to a provider by this worker.',
    labelNames: ['provider', 'outcome', 'code'],
    registers,
  });
  const durations = new Histogram({
    name: 'holdfast_provider_call_duration_seconds',
    help: 'How long calls to a provider took.',
    labelNames: ['provider'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25],
    registers,
  });
  const waits = new Counter({
    name: 'holdfast_provider_waits_total',
    help: 'Calls put off without being made.',
    labelNames: ['provider', 'reason'],
    registers,
  });
  addSharedGauges(registry, store);

  const known = new KnownCodes();
  const alarms = new Alarms(log);
  return {
    called(provider, call) {
      const { kind, code, durationMs } = call;
      calls.inc({ provider, outcome: kind, code: known.label(provider, code ?? '') });
      durations.observe({ provider }, durationMs / 1_000);
      if (refusesUs(call)) {
        alarms.raise(`${provider} ${code}`, { provider, code }, 'the provider refuses our credentials');
      }
    },
    waits: (provider, reason) => waits.inc({ provider, reason }),
    storeFailed(provider, error) {
      const facts = { provider, err: error };
      alarms.raise(`${provider} store`, facts, "what is known of the provider's limit could not be shared");
    },
  };
}

/** What all workers together know of the providers. */
function addSharedGauges(registry: Registry, store: SharedStore): void {
  const health = oncePerScrape(() => providerHealth(store, 1));
  const gauge = (name: string, help: string, read: (health: ProviderHealth) => number | undefined) =>
    sharedGauge(registry, { name, help, labelNames: ['provider', 'account'] }, async () =>
      (await health())?.flatMap((each) => {
        const { provider, account } = each;
        const value = read(each);
        return value === undefined ? [] : [[{ provider, account }, value] as const];
      }),
    );
  gauge(
    'holdfast_provider_limit_per_second',
    'Calls a second that the provider, or the slowest of its endpoints, has been found to take, over all workers. Absent while it has refused none.',
    ({ limit, endpoints }) => lowest([limit, ...endpoints].map((each) => each.learnedPerSecond)),
  );
  gauge(
    'holdfast_provider_closed_seconds',
    'Until the provider, and all of its endpoints, may be called again, as it has asked for.',
    ({ limit, endpoints }) => Math.max(...[limit, ...endpoints].map((each) => each.closedForMs)) / 1_000,
  );
  gauge(
    'holdfast_provider_breaker_open',
    '1 while the provider is down and only probes go to it.',
    ({ breaker }) => (breaker.state === 'closed' ? 0 : 1),
  );
}

function lowest(rates: readonly (number | undefined)[]): number | undefined {
  const known = rates.filter((rate) => rate !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** A provider may say anything; a label may not. */
const CODES_PER_PROVIDER = 50;

/** The first codes of each provider by name, all others as `other`. */
class KnownCodes {
  readonly #seen = new Map<string, Set<string>>();

  label(provider: string, code: string): string {
    const seen = this.#seen.get(provider) ?? new Set();
    this.#seen.set(provider, seen);
    if (seen.has(code)) return code;
    if (seen.size >= CODES_PER_PROVIDER || code.length > 64) return 'other';
    seen.add(code);
    return code;
  }
}

/** The same alarm at most once a minute. */
class Alarms {
  readonly #log: Logger;
  readonly #raised = new Map<string, number>();

  constructor(log: Logger) {
    this.#log = log;
  }

  raise(what: string, facts: object, message: string): void {
    const now = performance.now();
    if (now - (this.#raised.get(what) ?? Number.NEGATIVE_INFINITY) < ALARM_EVERY_MS) return;
    this.#raised.set(what, now);
    this.#log.error(facts, message);
  }
}
