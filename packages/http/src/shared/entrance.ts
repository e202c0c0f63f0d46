import { randomUUID } from 'node:crypto';
import type { Admission, Limits, SharedStore, WaitReason } from './shared-store.ts';
import { sleep, within } from './timing.ts';

/** Redis did not answer in time; the caller gave up. */
export type LocalReason = 'store' | 'aborted';

export interface Permit {
  readonly id: string;
  /** By Redis' clock. */
  readonly admittedAtMs: number;
  readonly oneByOne: boolean;
  /** On our monotonic clock. */
  readonly askedAt: number;
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
/** So long a permit says how things are: in a busy process, or while a connection is made, they may change. */
const FRESH_MS = 250;
export const STORE_ANSWERS_WITHIN_MS = 5_000;

/** Where calls to a provider wait for a moment, or are turned away. */
export class Entrance {
  readonly #options: EntranceOptions;
  /** Redis' clock minus ours. */
  #clockAheadMs = 0;
  /** On our monotonic clock: what we know before the others do. */
  #closedUntil = 0;

  constructor(options: EntranceOptions) {
    this.#options = options;
  }

  /** Unix milliseconds by Redis' clock, as near as we know it. */
  now(): number {
    return Date.now() + this.#clockAheadMs;
  }

  get closedForMs(): number {
    return this.#closedUntil - performance.now();
  }

  close(forMs: number): void {
    this.#closedUntil = Math.max(this.#closedUntil, performance.now() + forMs);
  }

  isFresh({ askedAt }: Permit): boolean {
    return performance.now() - askedAt < FRESH_MS;
  }

  /**
   * Asks to be let in; waits for a moment where that is enough.
   * @param stale a permit that was granted a while ago: whether it still holds
   */
  async enter(signal: AbortSignal, stale?: Permit): Promise<Entry> {
    const id = stale?.id ?? nextPermit();
    const giveUpAt = performance.now() + PATIENCE_MS;
    let granted = stale;
    const refuse = (refused: WaitReason | LocalReason, waitMs: number): Entry => {
      if (granted) this.#options.giveBack(granted);
      return { refused, waitMs };
    };
    for (;;) {
      const askedAt = performance.now();
      const admission = await this.#ask(id, granted !== undefined, Math.max(0, giveUpAt - askedAt), signal);
      if (!admission) return refuse(signal.aborted ? 'aborted' : 'store', 1_000);
      const { go, nowMs, waitMs } = admission;
      this.#clockAheadMs = nowMs - Date.now();
      if (admission.go) {
        const oneByOne = admission.oneByOne || admission.probe || granted?.oneByOne === true;
        granted = { id, askedAt, admittedAtMs: nowMs, oneByOne };
        if (waitMs === 0) {
          return this.closedForMs > 0 ? refuse('gate', this.closedForMs) : { permit: granted };
        }
      } else if (waitMs > giveUpAt - performance.now()) {
        return refuse(admission.reason, waitMs);
      }
      await sleep(waitMs, signal);
      if (signal.aborted) return refuse('aborted', go ? 0 : waitMs);
    }
  }

  async #ask(
    permit: string,
    again: boolean,
    patienceMs: number,
    signal: AbortSignal,
  ): Promise<Admission | undefined> {
    const { store, scope, limits, leaseMs, storeFailed } = this.#options;
    const answer = store
      .admit(scope, { permit, again, patienceMs, limits, leaseMs })
      .catch((error: unknown) => {
        storeFailed(error);
        return undefined;
      });
    return within(answer, STORE_ANSWERS_WITHIN_MS, signal);
  }
}

/** Unique over all processes and their lives. */
function nextPermit(): string {
  permits += 1;
  return `${PROCESS}.${permits}`;
}

const PROCESS = randomUUID();
let permits = 0;
