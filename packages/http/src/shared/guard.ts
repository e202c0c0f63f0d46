import { createHash } from 'node:crypto';
import type { Throttled } from '../outcome.ts';
import {
  type Caller,
  Entrance,
  LOOK_IN_EVERY_MS,
  type LocalReason,
  type Permit,
  STORE_ANSWERS_WITHIN_MS,
} from './entrance.ts';
import type { EndpointResult, Limits, SharedStore, Verdict, WaitReason } from './shared-store.ts';
import { type OutcomeKind, seenError, Tally } from './tally.ts';
import { within } from './timing.ts';
import { type Guarded, verdictOf } from './verdict.ts';

export interface GuardOptions {
  /** As people call it: `payment`. Lower-case letters, digits and dashes. */
  readonly provider: string;
  /** Whatever tells one account from another, credentials included: only eight digits of a hash of it are kept. */
  readonly account: string;
  readonly store: SharedStore;
  readonly limits?: Limits | undefined;
  /** How long the breaker stays open: at first, doubling with each failed probe, and at most. Default 1 000 and 10 000; never less than 250. */
  readonly breaker?: { readonly firstMs: number; readonly maxMs: number } | undefined;
  /** The longest that a call takes before its own time-outs end it. */
  readonly longestCallMs: number;
  /** Multiplies how long the breaker stays open, down to a quarter of a second. Default 1. */
  readonly retryScale?: number | undefined;
  readonly observer?: GuardObserver | undefined;
}

/** What a call came to. */
export interface CallSeen {
  readonly kind: OutcomeKind;
  readonly code?: string;
  /** The provider's own answer, where it gave one. */
  readonly status?: number;
  readonly durationMs: number;
}

/** Told of everything, for metrics and alarms. */
export interface GuardObserver {
  called(provider: string, call: CallSeen): void;
  waits(provider: string, reason: WaitReason | LocalReason): void;
  /** The provider was found to be down, by a call of this worker: of all workers one is told. */
  breakerOpened?(provider: string): void;
  /** What was told to the other workers could not be; the guard goes on with what it knows. */
  storeFailed(provider: string, error: unknown): void;
}

/** For whom a call is made. */
export interface GuardedCall {
  readonly signal: AbortSignal;
  readonly runId?: string | undefined;
  /**
   * Which of the provider's endpoints, by one of few names of ours: letters, digits, dashes and underscores. A 429 slows it before it
   * slows the account. Default: a 429 slows the account.
   */
  readonly endpoint?: string | undefined;
}

/**
 * Between the workers and one provider: keeps to its limits and stays away while it asks for that or is down, together with all other
 * workers, and keeps count of how it is doing. It never repeats a call.
 */
export interface Guard {
  /**
   * Makes the call as soon as that may be. A wait longer than a moment is not waited for: the outcome is `throttled`, nothing was sent,
   * and `retryAfterMs` says when to come back.
   * @param send given what to ask right before the first byte is written, once there is a connection. On `false` it sends nothing and
   * its outcome has the code `not_started`; it is called again when the call may still be made.
   */
  through<O extends Guarded>(
    call: GuardedCall,
    send: (mayStart: () => boolean) => Promise<O>,
  ): Promise<O | Throttled>;
  /** Tells the others what is left to tell, if the store takes it soon. */
  close(): Promise<void>;
}

export const NOT_STARTED = 'not_started';

const REPORT_EVERY_MS = 1_000;
const LAST_REPORT_WITHIN_MS = 1_000;
const BREAKER_FIRST_MS = 1_000;
const BREAKER_MAX_MS = 10_000;
const MAX_ENDPOINTS = 50;
const ENDPOINT = /^[A-Za-z0-9_-]{1,64}$/;
/** A process so busy that its permits are never fresh goes on all the same. */
const MAX_STARTS = 3;

interface News {
  readonly closedForMs?: number | undefined;
  readonly policyPerSecond?: number | undefined;
  readonly endpoint?: Omit<EndpointResult, 'taken'> | undefined;
}

export function createGuard(options: GuardOptions): Guard {
  return new SharedGuard(options);
}

class SharedGuard implements Guard {
  readonly #options: GuardOptions;
  readonly #scope: string;
  readonly #limits: Limits;
  readonly #breaker: { readonly firstMs: number; readonly maxMs: number };
  readonly #entrance: Entrance;
  readonly #tally = new Tally();
  readonly #endpoints = new Set<string>();
  #reportTimer: NodeJS.Timeout | undefined;
  #reports: Promise<void> = Promise.resolve();

  constructor(options: GuardOptions) {
    const { provider, account, store, limits = {}, longestCallMs, retryScale = 1, observer } = options;
    const { firstMs, maxMs } = options.breaker ?? { firstMs: BREAKER_FIRST_MS, maxMs: BREAKER_MAX_MS };
    this.#options = options;
    this.#scope = `${provider}@${createHash('sha256').update(account).digest('hex').slice(0, 8)}`;
    this.#limits = limits;
    const openFirstMs = Math.max(250, firstMs * retryScale);
    this.#breaker = {
      firstMs: openFirstMs,
      maxMs: Math.max(openFirstMs, Math.min(2_000, maxMs), maxMs * retryScale),
    };
    this.#entrance = new Entrance({
      ...{ store, scope: this.#scope, limits, leaseMs: longestCallMs },
      giveBack: (permit) => void this.#settle(permit, 'neutral', {}),
      storeFailed: (error) => observer?.storeFailed(provider, error),
    });
  }

  async through<O extends Guarded>(
    call: GuardedCall,
    send: (mayStart: () => boolean) => Promise<O>,
  ): Promise<O | Throttled> {
    const caller = { signal: call.signal, endpoint: this.#known(call.endpoint) };
    let entry = await this.#entrance.enter(caller);
    for (let starts = 1; 'permit' in entry; starts += 1) {
      const { permit } = entry;
      const startedAt = performance.now();
      const outcome = await this.#send(permit, caller, send, starts < MAX_STARTS);
      if (outcome.code !== NOT_STARTED) {
        return this.#leave(permit, { ...call, ...caller }, outcome, performance.now() - startedAt);
      }
      entry = await this.#entrance.enter(caller, permit);
    }
    return this.#refusal(entry.refused, entry.waitMs);
  }

  async close(): Promise<void> {
    clearTimeout(this.#reportTimer);
    this.#report();
    await within(this.#reports, LAST_REPORT_WITHIN_MS);
  }

  async #send<O>(
    permit: Permit,
    { endpoint }: Caller,
    send: (mayStart: () => boolean) => Promise<O>,
    mustBeFresh: boolean,
  ): Promise<O> {
    const entrance = this.#entrance;
    try {
      return await send(
        () => entrance.closedForMs(endpoint) <= 0 && (!mustBeFresh || entrance.isFresh(permit)),
      );
    } catch (error) {
      if (permit.oneByOne) void this.#settle(permit, 'neutral', {});
      throw error;
    }
  }

  /** Names come from code; should they be made of inputs after all, what is kept of them stays bounded. */
  #known(endpoint: string | undefined): string | undefined {
    if (endpoint === undefined || this.#endpoints.has(endpoint)) return endpoint;
    if (this.#endpoints.size >= MAX_ENDPOINTS || !ENDPOINT.test(endpoint)) return undefined;
    this.#endpoints.add(endpoint);
    return endpoint;
  }

  #refusal(reason: WaitReason | LocalReason, waitMs: number): Throttled {
    const { provider, observer } = this.#options;
    const retryAfterMs = Math.max(0, Math.ceil(waitMs));
    observer?.waits(provider, reason);
    if (reason !== 'store' && reason !== 'aborted') this.#tally.wait(reason);
    this.#reportSoon();
    const { code, words } = REFUSALS[reason];
    const message = `nothing was sent: ${words}`;
    return { kind: 'throttled', code, message, details: {}, retryAfterMs, unsent: true };
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
    const status = outcome.details?.status;
    observer?.called(provider, { kind, ...code, ...(typeof status === 'number' && { status }), durationMs });
    this.#tally.call(kind, durationMs);
    if (kind !== 'ok') this.#tally.error(seenError(kind, outcome, call.runId, durationMs));
    if (verdict === 'ok') this.#tally.took(permit.admittedAtMs, call.endpoint);
    this.#reportSoon();

    const ofObject = outcome.limited === 'object';
    const closedForMs = ofObject ? undefined : longest(outcome.retryAfterMs, rateLimit?.closedForMs);
    const accountIsLimited = outcome.limited === 'account';
    const endpoint = call.endpoint === undefined ? undefined : { name: call.endpoint, accountIsLimited };
    // what comes with a 429 is about its endpoint; what comes with anything else, about the provider
    const closes = verdict === 'throttled' && !accountIsLimited ? call.endpoint : undefined;
    if (closedForMs !== undefined) this.#entrance.close(closedForMs, closes);
    const news = { closedForMs, policyPerSecond: rateLimit?.perSecond, endpoint };
    const changesNothing = closedForMs === undefined && (verdict === 'ok' || verdict === 'neutral');
    if (changesNothing) {
      // nobody waits for this to be told
      if (permit.oneByOne) void this.#settle(permit, verdict, news);
      return outcome;
    }
    const gateMs = await within(this.#settle(permit, verdict, news), STORE_ANSWERS_WITHIN_MS);
    if (gateMs !== undefined && closedForMs !== undefined) this.#entrance.closedForAll(closes);
    if (verdict !== 'throttled' || gateMs === undefined) return outcome;
    // the gate keeps the time from here on; a person may open it, so who has closed it looks in as the others do
    return {
      ...outcome,
      retryAfterMs: Math.min(Math.max(outcome.retryAfterMs ?? 0, gateMs), LOOK_IN_EVERY_MS),
    };
  }

  /** @returns until the gate opens; undefined when it could not be told */
  async #settle(
    { id, admittedAtMs }: Pick<Permit, 'id' | 'admittedAtMs'>,
    verdict: Verdict,
    { closedForMs, policyPerSecond, endpoint }: News,
  ): Promise<number | undefined> {
    const { store, provider, observer } = this.#options;
    try {
      const settled = await store.settle(this.#scope, {
        ...{ permit: id, admittedAtMs, verdict, closedForMs, policyPerSecond },
        ...{ taken: this.#tally.drainTaken(), limits: this.#limits, breaker: this.#breaker },
        endpoint: endpoint && { ...endpoint, taken: this.#tally.drainTakenAt(endpoint.name) },
      });
      if (settled.opened) observer?.breakerOpened?.(provider);
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
    const minute = Math.floor(this.#entrance.now() / 60_000);
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
  concurrency: { code: 'concurrency_limited', words: 'concurrency limit reached' },
  store: { code: 'limits_unknown', words: 'Redis did not say in time whether the provider may be called' },
  aborted: { code: 'aborted', words: 'given up while waiting for the provider' },
};

function longest(...delays: readonly (number | undefined)[]): number | undefined {
  const known = delays.filter((ms) => ms !== undefined);
  return known.length === 0 ? undefined : Math.max(...known);
}
