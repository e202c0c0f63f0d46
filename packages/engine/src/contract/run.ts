import type { CallEvent } from './call.ts';
import type { NextAction } from './step.ts';

/** Anything JSON can carry. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [member: string]: Json };

export const RUN_STATUSES = [
  ...(['pending', 'running', 'suspended', 'compensating'] as const),
  ...(['completed', 'failed', 'cancelled', 'dead'] as const),
] as const;

export type RunStatus = (typeof RUN_STATUSES)[number];

export type TerminalStatus = 'completed' | 'failed' | 'cancelled';

export type FailureKind =
  /** the provider said no */
  | 'rejected'
  /** the refusal was about us, or not from the provider: nothing is undone */
  | 'misconfigured'
  /** transient trouble that outlasted the attempts */
  | 'exhausted'
  /** an effect nobody knows the outcome of */
  | 'in_doubt'
  /** the flow's code threw something that is no step error */
  | 'bug'
  /** the run ended its worker again and again */
  | 'poison'
  /** the flow's code no longer fits the journal */
  | 'incompatible_flow'
  /** an undo that could not be done */
  | 'compensation_failed';

/** Why a run failed or is dead, as the journal keeps it. */
export interface Failure {
  readonly kind: FailureKind;
  readonly code: string;
  readonly message: string;
  readonly step?: string;
  readonly details?: Json;
  readonly stack?: string;
  readonly cause?: ErrorRecord;
  readonly errors?: readonly ErrorRecord[];
}

/** An error as the journal keeps it. */
export interface ErrorRecord {
  readonly code: string;
  readonly message: string;
  readonly kind?: string;
  readonly details?: Json;
  readonly stack?: string;
  readonly cause?: ErrorRecord;
  /** What an AggregateError holds, the first of them. */
  readonly errors?: readonly ErrorRecord[];
}

/** An optional step that came to nothing; the run went on without it. */
export interface Warning {
  readonly step: string;
  readonly code: string;
  readonly message: string;
  /** `rejected`, `exhausted` or `in_doubt`: whether it is certain that nothing happened. */
  readonly kind: string;
}

/** What a suspended run waits for. Times are Unix milliseconds on Redis' clock. */
export type WaitingFor =
  | { readonly kind: 'retry'; readonly step: string; readonly until: number }
  | { readonly kind: 'throttle'; readonly step: string; readonly until: number }
  | { readonly kind: 'timer'; readonly name: string; readonly until: number }
  | { readonly kind: 'signal' | 'callback'; readonly name: string; readonly until?: number }
  /** For the time at which it was asked to start. */
  | { readonly kind: 'start'; readonly until: number }
  /** To begin: its flow or its tenant is paused. */
  | { readonly kind: 'paused'; readonly until?: never }
  /** For a place among the runs of its lane, or of its tenant, that may be with workers at once. */
  | { readonly kind: 'lane'; readonly until?: never };

/** What a run can be found by: names and values, as whoever submitted it chose. */
export type Tags = Readonly<Record<string, string>>;

export interface StepState {
  readonly name: string;
  /** `waiting`: for its next attempt, or a child run for its end. */
  readonly status: 'running' | 'waiting' | 'completed' | 'failed' | 'in_doubt' | 'compensated';
  readonly attempts: number;
  readonly startedAt: number;
  readonly finishedAt?: number;
  readonly error?: ErrorRecord;
  /** What it can be found by at its provider: the Idempotency-Key of its calls; `reference` has dots where this has colons. */
  readonly key: string;
  /** A person said how it ended. */
  readonly answered?: true;
  /**
   * Of a step in doubt: what it does about that when it goes on. `repeat`: it is sent again under the same key. `look_up`: the provider is
   * asked, and it is done again only if there is nothing. `halt`: a person has to say. Absent where that is not recorded.
   */
  readonly whenInDoubt?: 'repeat' | 'look_up' | 'halt';
  /** Once it was begun to be taken back. */
  readonly undo?: UndoState;
}

export interface UndoState {
  readonly attempts: number;
  readonly startedAt: number;
  readonly finishedAt?: number;
  /** When that was done which is taken back. */
  readonly doneAt: number;
  /** It was begun, and nobody knows whether it was done. */
  readonly inDoubt?: true;
  /** The Idempotency-Key of its calls. */
  readonly key: string;
  /** A person said that it was done. */
  readonly answered?: true;
}

/** A timer, or a wait for a signal or a callback, that the flow has come to. */
export interface WaitState {
  readonly kind: 'timer' | 'signal' | 'callback';
  readonly name: string;
  readonly startedAt: number;
  /** When it ends by itself. */
  readonly until?: number;
  readonly finishedAt?: number;
  /** What somebody has to do before its signal can come; absent once it is over. */
  readonly nextAction?: NextAction;
}

/** A call of a step, or something that happened to the run as a whole, for people who look at it. Times are Unix milliseconds on Redis' clock. */
export type RunEvent =
  | CallEvent
  /** The worker before died with the run, or lost it. */
  | { readonly kind: 'taken_over'; readonly at: number; readonly worker: string }
  | {
      readonly kind: 'resolved';
      readonly at: number;
      /** What a person said became of which step; absent in what 0.1 recorded. */
      readonly step?: string;
      readonly outcome?: 'happened' | 'did_not_happen' | 'undone' | 'not_undone';
    }
  | { readonly kind: 'died' | 'redriven' | 'cancel_requested'; readonly at: number };

interface RunCommon {
  readonly id: string;
  readonly tenant: string;
  readonly flow: string;
  readonly version: number;
  readonly generation: number;
  readonly idempotencyKey: string;
  /** Absent where it is encoded, or was not asked for; the client's `withInput` reads it. */
  readonly input?: Json;
  /** Absent where it has none. */
  readonly tags?: Tags;
  /** In the order of their start. */
  readonly steps: readonly StepState[];
  /** In the order of their start. */
  readonly waits: readonly WaitState[];
  /** Of optional steps, in the order of their start. */
  readonly warnings: readonly Warning[];
  /** The signals that were sent to it, in the order of their arrival. */
  readonly signals: readonly { readonly id: string; readonly name: string }[];
  /** The calls of this generation's steps, and what happened to the run as a whole, in the order of their ends. */
  readonly events: readonly RunEvent[];
  /** Calls that were made and are not among the events: there were too many of them. */
  readonly callsLeftOut: number;
  /** What other runs have drawn from this one, settled or not. */
  readonly drawn: number;
  /** What of it is settled: the runs that drew it have completed, or ended otherwise with something done that was not undone. */
  readonly settled: number;
  /** The W3C `traceparent` that it came with: its requests to providers belong to that trace. */
  readonly trace?: string;
  /** Grows with every change of the run. */
  readonly revision: number;
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** One run as it stands. Times are Unix milliseconds on Redis' clock. */
export type Run = RunCommon &
  (
    | { readonly status: 'pending' | 'running' }
    | { readonly status: 'suspended'; readonly waitingFor: WaitingFor }
    | { readonly status: 'compensating'; readonly error?: Failure; readonly waitingFor?: WaitingFor }
    | { readonly status: 'completed'; readonly output: Json; readonly finishedAt: number }
    | { readonly status: 'failed'; readonly error: Failure; readonly finishedAt: number }
    | { readonly status: 'cancelled'; readonly finishedAt: number }
    | {
        readonly status: 'dead';
        readonly error: Failure;
        readonly deaths: number;
        /** It is to be undone, or was half-way through that: a redrive goes on with the undoing, not with the flow. */
        readonly undoing?: true;
      }
  );

export function isTerminal(status: RunStatus): status is TerminalStatus {
  return status === 'completed' || status === 'failed' || status === 'cancelled';
}

/** Nothing more comes of it by itself: it is terminal, or dead. */
export function isOver(status: RunStatus): boolean {
  return status === 'dead' || isTerminal(status);
}
