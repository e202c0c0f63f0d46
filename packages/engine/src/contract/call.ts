import type { ErrorRecord } from './run.ts';

/** One request to a provider, as it was seen on the wire: never its body, its query or a credential. */
export interface RequestSeen {
  /** As in `POST /v1/payment_intents`; without the query. */
  readonly what: string;
  /** False when not a byte of it left: refused connection, open breaker, closed gate. */
  readonly sent: boolean;
  /** `ok`, or why not: `rejected`, `misconfigured`, `throttled`, `unavailable`, `in_doubt`. */
  readonly outcome: string;
  /** Absent for `ok`. */
  readonly code?: string;
  /** The provider's HTTP status, where it answered. */
  readonly status?: number;
  /** The provider's own id of the request: what its support asks for. */
  readonly requestId?: string;
  readonly durationMs: number;
}

export type CallOutcome =
  /** It did what it should; of a look-up: the effect was found. */
  | 'ok'
  /** Of a look-up: the provider knows of no effect. */
  | 'none'
  | ('rejected' | 'misconfigured' | 'unavailable' | 'throttled' | 'in_doubt' | 'bug')
  /** The worker was lost or had to stop: nobody wrote down how it ended, or whether it was sent at all. */
  | 'cut_off';

/** One call that a step made: to have its effect, to ask whether it happened, or to undo it. Each is kept; none replaces another. */
export interface CallEvent {
  readonly kind: 'call';
  readonly what: 'run' | 'look_up' | 'undo';
  readonly step: string;
  /** Position among the calls of the step, or of its undo, from 1. Numbers that are missing were left out: see `callsLeftOut`. */
  readonly n: number;
  readonly attempt: number;
  readonly startedAt: number;
  /** When it was over. */
  readonly at: number;
  readonly outcome: CallOutcome;
  /** The Idempotency-Key that it went under; `reference` has dots where this has colons. */
  readonly key: string;
  /** Whether a byte reached the network; absent where the step's code did not say. */
  readonly sent?: boolean;
  /** Nobody was asked, so it did not count: put off at `startedAt` for the first time, at `at` for the last. */
  readonly putOff?: true;
  /** When the step is tried again by itself. */
  readonly until?: number;
  /** In order; the first and the last of many. */
  readonly requests?: readonly RequestSeen[];
  readonly error?: Pick<ErrorRecord, 'code' | 'message' | 'kind'>;
}
