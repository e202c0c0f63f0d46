import type { Failure, Run, TerminalStatus, WaitingFor } from '../run.ts';
import type { StepRecord } from './step-record.ts';

/** One write of a step's record: the journal's field and its encoded record. */
export interface Entry {
  readonly field: string;
  readonly record: string;
}

export interface NewRun {
  readonly runId: string;
  readonly fingerprint: string;
  readonly tenant: string;
  readonly flow: string;
  readonly version: number;
  readonly idempotencyKey: string;
  /** JSON. */
  readonly input: string;
}

/** What a worker gets to go on with a run. */
export interface ClaimedRun {
  readonly runId: string;
  readonly owner: string;
  readonly tenant: string;
  readonly flow: string;
  readonly version: number;
  readonly generation: number;
  readonly input: unknown;
  /** Undefined while the flow goes forward; else how the run ends once all is undone. */
  readonly compensation:
    | { readonly ends: 'failed'; readonly failure: Failure }
    | { readonly ends: 'cancelled' }
    | undefined;
  readonly cancelRequested: boolean;
  /** How often the run was claimed in a row, this one included, without a step's outcome being recorded. */
  readonly claims: number;
  readonly redrives: number;
  readonly steps: ReadonlyMap<string, StepRecord>;
  readonly undos: ReadonlyMap<string, StepRecord>;
  /** Redis' clock at the claim. */
  readonly now: number;
  /** When the run last changed before this claim. */
  readonly lastChangeAt: number;
}

export type ClaimReply =
  | { readonly outcome: 'claimed'; readonly run: ClaimedRun }
  | { readonly outcome: 'unknown' | 'superseded' | 'ended' }
  | { readonly outcome: 'version_missing'; readonly version: number };

/** How a run leaves its worker. */
export type Park =
  | { readonly for: 'wait'; readonly delayMs: number; readonly waiting: WaitingFor }
  /** The worker stops. `cutOff`: an effect was under way, as if the worker had died. */
  | { readonly for: 'other_worker'; readonly cutOff: boolean };

/** What an owner's write is answered. */
export type WriteReply = 'done' | 'cancel_requested' | 'stale_owner';

/** What the sweeper needs to see that a run's job is right. */
export interface Whereabouts {
  readonly runId: string;
  readonly flow: string;
  readonly status: Run['status'];
  readonly jobId: string;
  readonly owner: string;
  readonly deaths: number;
  readonly createdAt: number;
  /** When it wants to be woken; undefined when it waits for a signal alone, or does not wait. */
  readonly wakeAt: number | undefined;
  readonly death: Failure | undefined;
}

/**
 * Where runs are kept: the state machine's transitions, one method each. Every one may be sent twice and counts once.
 * The Redis journal is the only one.
 */
export interface Journal {
  createRun(
    run: NewRun,
  ): Promise<
    | { readonly outcome: 'created'; readonly now: number }
    | { readonly outcome: 'replayed'; readonly run: Run }
    | { readonly outcome: 'key_reused' }
  >;
  claimRun(runId: string, jobId: string, claimant: string, versions: readonly number[]): Promise<ClaimReply>;
  /** @param progress true when a step's outcome is among the entries, false for intents only */
  recordStep(run: ClaimedRun, entries: readonly Entry[], progress: boolean): Promise<WriteReply>;
  startCompensation(
    run: ClaimedRun,
    end: NonNullable<ClaimedRun['compensation']>,
    entries: readonly Entry[],
  ): Promise<WriteReply>;
  suspendRun(run: ClaimedRun, park: Park, entries: readonly Entry[]): Promise<WriteReply>;
  finishRun(
    run: ClaimedRun,
    end:
      | { readonly status: 'completed'; readonly output: string }
      | { readonly status: 'failed'; readonly failure: Failure }
      | { readonly status: Extract<TerminalStatus, 'cancelled'> },
    entries: readonly Entry[],
  ): Promise<WriteReply>;
  /** @returns the number of this death, or undefined when the run has another owner. */
  buryRun(run: ClaimedRun, failure: Failure, entries: readonly Entry[]): Promise<number | undefined>;

  /** @returns the id of the run's new job, or undefined when that death is over already. */
  redriveRun(runId: string, death: number): Promise<string | undefined>;
  /** @returns the run's new job, or undefined when the run is no longer as `seen`. */
  reissueRun(seen: Whereabouts): Promise<{ readonly jobId: string; readonly claims: number } | undefined>;
  /** Overdue runs, and Redis' clock. Each is this caller's for a few seconds. */
  takeAlarms(limit: number): Promise<{ readonly now: number; readonly runIds: readonly string[] }>;
  moveAlarm(runId: string, delayMs: number): Promise<void>;
  whereIs(runId: string): Promise<Whereabouts | undefined>;

  readRun(runId: string): Promise<Run | undefined>;
  readStatus(runId: string): Promise<Run['status'] | undefined>;
  /** Ids of the workers that prove their life. */
  liveWorkers(): Promise<ReadonlySet<string>>;
  /** Ids of the workers whose proof of life has run out. */
  missingWorkers(): Promise<readonly string[]>;
  proveLife(workerId: string, holdsMs: number): Promise<void>;
  /** Takes a worker out that stops in good order. */
  signOff(workerId: string): Promise<void>;
}
