import { randomUUID } from 'node:crypto';
import type { Admission, Ask, Limits, SharedStore, WaitReason } from './shared-store.ts';
import { sleep, within } from './timing.ts';

/** For whom a call asks to be let in. */
export interface Caller {
  readonly signal: AbortSignal;
  readonly endpoint?: string | undefined;
}

/** Redis did not answer in time; the caller gave up. */
export type LocalReason = 'store' | 'aborted';

export interface Permit {
  readonly id: string;
  /** By Redis' clock. */
  readonly admittedAtMs: number;
  readonly oneByOne: boolean;
  /** Its time is over then, on our monotonic clock: things may have changed, and its place among the others is lost. */
  readonly staleAt: number;
}

export type Entry =
  | { readonly permit: Permit }
  | { readonly refused: WaitReason | LocalReason; readonly waitMs: number };

interface EntranceOptions {
  readonly store: SharedStore;
  readonly scope: string;
  readonly limits: Limits;
  readonly leaseMs: number;
  /** Gives back what was granted and will not be used. */
  readonly giveBack: (permit: Pick<Permit, 'id' | 'admittedAtMs'>) => void;
  readonly storeFailed: (error: unknown) => void;
}

/** A wait up to this long is waited on the spot. */
const PATIENCE_MS = 250;
/** How long a permit holds in a busy process, or while a connection is made. */
const FRESH_MS = 250;
/**
 * Where calls are spaced: at 95 % of a limit of so many in any second, calls that are late by up to 50 ms do not bunch up to more than it,
 * and some of that is the network's.
 */
const FRESH_IN_LINE_MS = 40;
export const STORE_ANSWERS_WITHIN_MS = 5_000;
const ALL = '';
/** A closed gate may be opened by a person: who waits for long looks in from time to time. */
export const LOOK_IN_EVERY_MS = 60_000;
/** Longer than any permit is fresh. */
const KNOWN_TO_ALL_MS = 1_000;

/** Where calls to a provider wait for a moment, or are turned away. */
export class Entrance {
  readonly #options: EntranceOptions;
  /** Redis' clock minus ours. */
  #clockAheadMs = 0;
  /** On our monotonic clock, by endpoint (`''`: all of them): what we know before the others do. */
  readonly #closedUntil = new Map<string, number>();

  constructor(options: EntranceOptions) {
    this.#options = options;
  }

  /** Unix milliseconds by Redis' clock, as near as we know it. */
  now(): number {
    return Date.now() + this.#clockAheadMs;
  }

  closedForMs(endpoint = ALL): number {
    return Math.max(this.#until(ALL), this.#until(endpoint)) - performance.now();
  }

  close(forMs: number, endpoint = ALL): void {
    this.#closedUntil.set(endpoint, Math.max(this.#until(endpoint), performance.now() + forMs));
  }

  /** The others know it too: only what was let in before is kept to it, for a moment. A person may open the gate. */
  closedForAll(endpoint = ALL): void {
    this.#closedUntil.set(endpoint, Math.min(this.#until(endpoint), performance.now() + KNOWN_TO_ALL_MS));
  }

  isFresh({ staleAt }: Permit): boolean {
    return performance.now() < staleAt;
  }

  /**
   * Asks to be let in; waits for a moment where that is enough, and then asks whether gate and breaker are still open.
   * @param stale a permit whose time was over before the call could be made: it asks for another time
   */
  async enter({ signal, endpoint }: Caller, stale?: Permit): Promise<Entry> {
    const id = stale?.id ?? nextPermit();
    const giveUpAt = performance.now() + PATIENCE_MS;
    let granted = stale;
    let dueAt: number | undefined;
    let asks = 0;
    const refuse = (refused: WaitReason | LocalReason, waitMs: number): Entry => {
      if (granted) this.#options.giveBack(granted);
      return { refused, waitMs };
    };
    for (;;) {
      const askedAt = performance.now();
      const patienceMs = Math.max(0, giveUpAt - askedAt);
      const unused = stale !== undefined && asks === 0;
      asks += 1;
      const how = { again: dueAt !== undefined, unused, patienceMs, endpoint };
      const admission = await this.#ask(id, how, signal);
      if (!admission) return refuse(signal.aborted ? 'aborted' : 'store', 1_000);
      const { nowMs, waitMs } = admission;
      const answeredAt = performance.now();
      this.#clockAheadMs = nowMs - Date.now();
      if (!admission.go) {
        if (waitMs > giveUpAt - answeredAt) return refuse(admission.reason, waitMs);
        await sleep(waitMs, signal);
      } else {
        const again = dueAt !== undefined;
        dueAt ??= answeredAt + waitMs;
        granted = again && granted ? { ...granted, admittedAtMs: nowMs } : permitOf(id, admission, dueAt);
        // asked again a little early, so that the answer is there when the time has come
        const answersInMs = answeredAt - askedAt;
        if (again || waitMs === 0) {
          await sleep(dueAt - performance.now(), signal);
          const closedForMs = this.closedForMs(endpoint);
          if (closedForMs > 0) return refuse('gate', Math.min(closedForMs, LOOK_IN_EVERY_MS));
          if (!signal.aborted) return { permit: granted };
        } else {
          await sleep(waitMs - answersInMs, signal);
        }
      }
      if (signal.aborted) return refuse('aborted', 0);
    }
  }

  #until(endpoint: string): number {
    return this.#closedUntil.get(endpoint) ?? 0;
  }

  async #ask(
    permit: string,
    how: Pick<Ask, 'again' | 'unused' | 'patienceMs' | 'endpoint'>,
    signal: AbortSignal,
  ): Promise<Admission | undefined> {
    const { store, scope, limits, leaseMs, storeFailed } = this.#options;
    const answer = store.admit(scope, { permit, limits, leaseMs, ...how }).catch((error: unknown) => {
      storeFailed(error);
      return undefined;
    });
    return within(answer, STORE_ANSWERS_WITHIN_MS, signal);
  }
}

function permitOf(id: string, admission: Extract<Admission, { go: true }>, dueAt: number): Permit {
  const { nowMs, oneByOne, probe, spaced } = admission;
  const staleAt = dueAt + (spaced ? FRESH_IN_LINE_MS : FRESH_MS);
  return { id, admittedAtMs: nowMs, oneByOne: oneByOne || probe, staleAt };
}

/** Unique over all processes and their lives. */
function nextPermit(): string {
  permits += 1;
  return `${PROCESS}.${permits}`;
}

const PROCESS = randomUUID();
let permits = 0;
