import { createHash, randomUUID } from 'node:crypto';
import type { Throttled } from '../outcome.ts';
import type { Admission, Limits, SharedStore, WaitReason } from './shared-store.ts';
import { type ErrorSeen, type OutcomeKind, Tally } from './tally.ts';
import { type Guarded, verdictOf } from './verdict.ts';

export interface GuardOptions {
  /** As people call it: `payment`. Lower-case letters, digits and dashes. */
  readonly provider: string;
  /** Whatever tells one account from another, credentials included: only eight digits of a hash of it are kept. */
  readonly account: string;
  readonly store: SharedStore;
  readonly limits?: Limits | undefined;
  /** The longest that a call takes before its own time-outs end it. */
  readonly longestCallMs: number;
  /** Multiplies how long the breaker stays open, down to a quarter of a second. Default 1. */
  readonly retryScale?: number | undefined;
  readonly observer?: GuardObserver | undefined;
}

/** Told of everything, for metrics and alarms. */
export interface GuardObserver {
  called(provider: string, call: { kind: OutcomeKind; code?: string; durationMs: number }): void;
  waits(provider: string, reason: WaitReason | LocalReason): void;
  /** What was told to the other workers could not be; the guard goes on with what it knows. */
  storeFailed(provider: string, error: unknown): void;
}

/** Redis did not answer in time; the caller gave up. */
export type LocalReason = 'store' | 'aborted';

/** For whom a call is made. */
export interface GuardedCall {
  readonly signal: AbortSignal;
  readonly runId?: string | undefined;
}

/**
 * Between the workers and one provider: keeps to its limits and stays away while it asks for that or is down, together with all other
 * workers, and keeps count of how it is doing. It never repeats a call.
 */
export interface Guard {
  /**
   * Makes the call as soon as that may be. A wait longer than a moment is not waited for: the outcome is `throttled`, nothing was sent,
   * and `retryAfterMs` says when to come back.
   */
  through<O extends Guarded>(call: GuardedCall, send: () => Promise<O>): Promise<O | Throttled>;
  /** Tells the others what is left to tell. */
  close(): Promise<void>;
}

/** A wait up to this long is waited on the spot. */
export const PATIENCE_MS = 250;
const STORE_ANSWERS_WITHIN_MS = 5_000;
const REPORT_EVERY_MS = 1_000;
const BREAKER_FIRST_MS = 1_000;
const BREAKER_MAX_MS = 10_000;

interface Permit {
  readonly id: string;
  readonly admittedAtMs: number;
  readonly sentAtMs: number;
  readonly oneByOne: boolean;
}

type Entry = { readonly permit: Permit } | { readonly refusal: Throttled };

export function createGuard(options: GuardOptions): Guard {
  return new SharedGuard(options);
}

class SharedGuard implements Guard {
  readonly #options: GuardOptions;
  readonly #scope: string;
  readonly #limits: Limits;
  readonly #breaker: { readonly firstMs: number; readonly maxMs: number };
  readonly #tally = new Tally();
  /** Redis' clock minus ours. */
  #clockAheadMs = 0;
  /** On our monotonic clock: what we know before the others do. */
  #closedUntil = 0;
  #reportTimer: NodeJS.Timeout | undefined;
  #reports: Promise<void> = Promise.resolve();

  constructor(options: GuardOptions) {
    const { provider, account, retryScale = 1 } = options;
    this.#options = options;
    const digest = createHash('sha256').update(account).digest('hex').slice(0, 8);
    this.#scope = `${provider}@${digest}`;
    this.#limits = options.limits ?? {};
    this.#breaker = {
      firstMs: Math.max(250, BREAKER_FIRST_MS * retryScale),
      maxMs: Math.max(2_000, BREAKER_MAX_MS * retryScale),
    };
  }

  async through<O extends Guarded>(call: GuardedCall, send: () => Promise<O>): Promise<O | Throttled> {
    const entry = await this.#enter(call.signal);
    if ('refusal' in entry) return entry.refusal;
    const { permit } = entry;
    const startedAt = performance.now();
    try {
      const outcome = await send();
      return await this.#leave(permit, call, outcome, performance.now() - startedAt);
    } catch (error) {
      if (permit.oneByOne) void this.#settle(permit, 'neutral', {});
      throw error;
    }
  }

  async close(): Promise<void> {
    clearTimeout(this.#reportTimer);
    this.#report();
    await this.#reports;
  }

  /** Asks to be let in; waits for a moment where that is enough. */
  async #enter(signal: AbortSignal): Promise<Entry> {
    const id = nextPermit();
    const giveUpAt = performance.now() + PATIENCE_MS;
    let again = false;
    for (;;) {
      const admission = await this.#ask(id, again, Math.max(0, giveUpAt - performance.now()), signal);
      if (!admission) return this.#refuse(signal.aborted ? 'aborted' : 'store', 1_000);
      this.#clockAheadMs = admission.nowMs - Date.now();
      const { waitMs } = admission;
      if (admission.go && waitMs === 0) {
        const closedForMs = this.#closedUntil - performance.now();
        const permit = {
          ...{ id, admittedAtMs: admission.nowMs, sentAtMs: admission.nowMs },
          oneByOne: admission.oneByOne || admission.probe,
        };
        if (closedForMs <= 0) return { permit };
        if (permit.oneByOne) void this.#settle(permit, 'neutral', {});
        return this.#refuse('gate', closedForMs);
      }
      const patienceMs = giveUpAt - performance.now();
      if (!admission.go && waitMs > patienceMs) {
        // what was granted before the gate closed is given back
        if (again) void this.#settle({ id, admittedAtMs: 0 }, 'neutral', {});
        return this.#refuse(admission.reason, waitMs);
      }
      again ||= admission.go;
      await sleep(waitMs, signal);
      if (signal.aborted) {
        if (again) void this.#settle({ id, admittedAtMs: 0 }, 'neutral', {});
        return this.#refuse('aborted', 0);
      }
    }
  }

  async #ask(
    permit: string,
    again: boolean,
    patienceMs: number,
    signal: AbortSignal,
  ): Promise<Admission | undefined> {
    const { store, provider, longestCallMs, observer } = this.#options;
    const ask = { permit, again, patienceMs, limits: this.#limits, leaseMs: longestCallMs };
    const answer = store.admit(this.#scope, ask).catch((error: unknown) => {
      observer?.storeFailed(provider, error);
      return undefined;
    });
    return within(answer, STORE_ANSWERS_WITHIN_MS, signal);
  }

  #refuse(reason: WaitReason | LocalReason, waitMs: number): Entry {
    const { provider, observer } = this.#options;
    const retryAfterMs = Math.ceil(waitMs);
    observer?.waits(provider, reason);
    if (reason !== 'store' && reason !== 'aborted') this.#tally.wait(reason);
    this.#reportSoon();
    const { code, words } = REFUSALS[reason];
    const message = `nothing was sent: ${words}`;
    return {
      refusal: {
        kind: 'throttled',
        code,
        message,
        details: { waitMs: retryAfterMs },
        retryAfterMs,
        unsent: true,
      },
    };
  }

  async #leave<O extends Guarded>(
    permit: Permit,
    call: GuardedCall,
    outcome: O,
    durationMs: number,
  ): Promise<O> {
    const { provider, observer } = this.#options;
    const { kind, rateLimit } = outcome;
    const verdict = verdictOf(outcome, durationMs);
    const code = outcome.code === undefined ? {} : { code: outcome.code };
    observer?.called(provider, { kind, ...code, durationMs });
    this.#tally.call(kind, durationMs);
    if (kind !== 'ok') this.#tally.error(seenError(kind, outcome, call, durationMs));
    if (verdict === 'ok') this.#tally.took(permit.sentAtMs);
    this.#reportSoon();

    const closedForMs = longest(outcome.retryAfterMs, rateLimit?.closedForMs);
    if (closedForMs !== undefined) this.#closeGate(closedForMs);
    const others = { closedForMs, policyPerSecond: rateLimit?.perSecond };
    if (verdict === 'ok' && closedForMs === undefined) {
      // nobody waits for this to be told
      if (permit.oneByOne) void this.#settle(permit, verdict, others);
      return outcome;
    }
    if (verdict === 'neutral' && closedForMs === undefined && !permit.oneByOne) return outcome;
    const gateMs = await within(this.#settle(permit, verdict, others), STORE_ANSWERS_WITHIN_MS);
    if (kind !== 'throttled' || gateMs === undefined) return outcome;
    return { ...outcome, retryAfterMs: Math.max(outcome.retryAfterMs ?? 0, gateMs) };
  }

  #closeGate(forMs: number): void {
    this.#closedUntil = Math.max(this.#closedUntil, performance.now() + forMs);
  }

  /** @returns until the gate opens; undefined when it could not be told */
  async #settle(
    { id, admittedAtMs }: Pick<Permit, 'id' | 'admittedAtMs'>,
    verdict: 'ok' | 'failed' | 'throttled' | 'neutral',
    news: { readonly closedForMs?: number | undefined; readonly policyPerSecond?: number | undefined },
  ): Promise<number | undefined> {
    const { store, provider, observer } = this.#options;
    const taken = this.#tally.drainTaken();
    try {
      const settled = await store.settle(this.#scope, {
        ...{ permit: id, admittedAtMs, verdict, taken, limits: this.#limits, breaker: this.#breaker },
        closedForMs: news.closedForMs,
        policyPerSecond: news.policyPerSecond,
      });
      return settled.gateMs;
    } catch (error) {
      observer?.storeFailed(provider, error);
      return undefined;
    }
  }

  #reportSoon(): void {
    this.#reportTimer ??= setTimeout(() => this.#report(), REPORT_EVERY_MS).unref();
  }

  #report(): void {
    this.#reportTimer = undefined;
    if (this.#tally.isEmpty) return;
    const { store, provider, observer } = this.#options;
    const minute = Math.floor((Date.now() + this.#clockAheadMs) / 60_000);
    const report = store.record(this.#scope, { minute, ...this.#tally.drain() });
    this.#reports = Promise.all([this.#reports, report]).then(
      () => {},
      (error: unknown) => observer?.storeFailed(provider, error),
    );
  }
}

const REFUSALS: Record<WaitReason | LocalReason, { readonly code: string; readonly words: string }> = {
  breaker: { code: 'breaker_open', words: 'the provider is down, and is tried again in a while' },
  gate: { code: 'gate_closed', words: 'the provider has asked for no calls until later' },
  rate: { code: 'rate_limited', words: 'as many calls as the provider takes are on their way' },
  concurrency: { code: 'concurrency_limited', words: 'as many calls as may be are under way' },
  store: { code: 'limits_unknown', words: 'Redis did not say in time whether the provider may be called' },
  aborted: { code: 'aborted', words: 'given up while waiting for the provider' },
};

/** Unique over all guards, processes and their lives. */
function nextPermit(): string {
  permits += 1;
  return `${PROCESS}.${permits}`;
}

const PROCESS = randomUUID();
let permits = 0;

function seenError(
  kind: Exclude<OutcomeKind, 'ok'>,
  { code = kind, message = '', details }: Guarded,
  { runId }: GuardedCall,
  durationMs: number,
): ErrorSeen {
  const { status, requestId } = details ?? {};
  return {
    at: new Date().toISOString(),
    ...{ kind, code, message },
    ...(typeof status === 'number' ? { status } : {}),
    ...(typeof requestId === 'string' ? { requestId } : {}),
    ...(runId === undefined ? {} : { runId }),
    durationMs: Math.round(durationMs),
  };
}

function longest(...delays: readonly (number | undefined)[]): number | undefined {
  const known = delays.filter((ms) => ms !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}

/** @returns undefined when it takes too long, or is aborted before */
function within<T>(answer: Promise<T>, ms: number, signal?: AbortSignal): Promise<T | undefined> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return resolve(undefined);
    const end = (settle: () => void) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', giveUp);
      settle();
    };
    const giveUp = () => end(() => resolve(undefined));
    const timer = setTimeout(giveUp, ms);
    signal?.addEventListener('abort', giveUp, { once: true });
    answer.then(
      (value) => end(() => resolve(value)),
      (error: unknown) => end(() => reject(error)),
    );
  });
}

/** Resolves early when it is aborted. */
async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  await within(new Promise(() => {}), ms, signal);
}
