import type { ErrorSeen } from './tally.ts';

/** What all workers know together about one provider (and account): its limit, its breaker, how it has been doing. */
export interface SharedStore {
  /** Asks whether a call may be made. Only reads, unless there is a limit to keep to. */
  admit(scope: string, ask: Ask): Promise<Admission>;
  /** Tells what came of a call that changes what others may do. */
  settle(scope: string, result: Result): Promise<Settled>;
  /** Adds what one worker has seen. */
  record(scope: string, report: Report): Promise<void>;
  /** Opens gate and breaker, as a person wants it. @returns how they were */
  reopen(scope: string): Promise<Reopened>;
  /** The scopes that were called in the last week, in order. */
  scopes(): Promise<readonly string[]>;
  /** @param minutes how far back the counts go, 60 at most */
  read(scope: string, minutes: number): Promise<Reading>;
}

/** What is known to be the provider's limit. Everything absent: as fast as it goes, until it refuses. */
export interface Limits {
  /** Calls a second, over all workers. Also the most that the learned limit grows back to. */
  readonly ratePerSecond?: number | undefined;
  /** Calls that may be made at once after a pause. Default: a tenth of a second's worth, 1 at least. */
  readonly burst?: number | undefined;
  /** Calls under way at the same time, over all workers. */
  readonly concurrency?: number | undefined;
}

export interface Ask {
  /** Unique per call. */
  readonly permit: string;
  readonly limits: Limits;
  /** Which of the provider's endpoints, where they may have limits of their own. */
  readonly endpoint?: string | undefined;
  /** How long a slot or a probe is kept for a worker that may be dead. */
  readonly leaseMs: number;
  /** A wait up to this long is granted, to be waited on the spot. */
  readonly patienceMs: number;
  /** It has waited on the spot: whether gate and breaker are still open. */
  readonly again: boolean;
  /** It was let in before, and has not been made: its place is given back first. Default false. */
  readonly unused?: boolean;
}

export type WaitReason = 'breaker' | 'gate' | 'concurrency' | 'rate';

/** `nowMs` is Redis' clock, in Unix milliseconds. */
export type Admission =
  | {
      readonly go: true;
      readonly nowMs: number;
      /** Before it is made. */
      readonly waitMs: number;
      /** Its end is told at once: it holds a slot, or others learn from it. */
      readonly oneByOne: boolean;
      /** The breaker's, to see whether the provider is back. */
      readonly probe: boolean;
      /** There is a rate to keep to: it has its place among the others. */
      readonly spaced: boolean;
    }
  | { readonly go: false; readonly nowMs: number; readonly reason: WaitReason; readonly waitMs: number };

/** `neutral`: says nothing about the provider. */
export type Verdict = 'ok' | 'failed' | 'throttled' | 'neutral';

export interface Result {
  readonly permit: string;
  readonly admittedAtMs: number;
  readonly endpoint?: EndpointResult | undefined;
  readonly verdict: Verdict;
  /** For how long the provider wants no calls. */
  readonly closedForMs: number | undefined;
  /** By the provider's own word. */
  readonly policyPerSecond: number | undefined;
  readonly taken: Taken;
  readonly limits: Limits;
  /** How long the breaker stays open, at first and at most; doubling in between. */
  readonly breaker: { readonly firstMs: number; readonly maxMs: number };
}

export interface EndpointResult {
  readonly name: string;
  readonly taken: Taken;
  /** The provider says that it is the account's limit. */
  readonly accountIsLimited: boolean;
}

export interface Settled {
  readonly gateMs: number;
  /** Absent: the breaker is closed. */
  readonly breakerMs?: number;
  /** This very result has opened it. */
  readonly opened: boolean;
}

/** Calls that the provider took, by the quarter second (of Redis' clock) in which they were sent. */
export type Taken = ReadonlyMap<number, number>;

export interface Report {
  /** Of Redis' clock, since 1970. */
  readonly minute: number;
  readonly taken: Taken;
  readonly takenAt?: ReadonlyMap<string, Taken>;
  readonly counts: ReadonlyMap<string, number>;
  readonly errors: readonly ErrorSeen[];
}

export interface Standing {
  /** Calls a second that the provider has taught us. Absent: it has not refused any lately. */
  readonly learnedPerSecond?: number;
  /** What it took in the second before it last refused one. */
  readonly ceilingPerSecond?: number;
  /** Until calls may be made again; 0 when they may. */
  readonly closedForMs: number;
  readonly breaker:
    | { readonly state: 'closed' }
    | { readonly state: 'open'; readonly probeInMs: number }
    | { readonly state: 'half_open' };
  /** Calls under way, where their number is limited. */
  readonly slotsHeld: number;
}

/** One endpoint that the provider has refused for its rate, where that was not the account's. */
export type EndpointStanding = Pick<Standing, 'learnedPerSecond' | 'ceilingPerSecond' | 'closedForMs'> & {
  readonly endpoint: string;
};

export interface Reopened {
  /** Until the gate would have opened; 0 when it was open. */
  readonly closedForMs: number;
  readonly breaker: 'closed' | 'open';
}

export interface Reading {
  readonly standing: Standing;
  /** By name; those that are slowed. */
  readonly endpoints: readonly EndpointStanding[];
  readonly counts: ReadonlyMap<string, number>;
  /** The latest first. */
  readonly errors: readonly ErrorSeen[];
}
