import type { Failure, Json, Run, Tags, TerminalStatus, WaitingFor } from '../contract/run.ts';
import type { Reference } from './keys.ts';
import type { Pause, PauseOf } from './pauses.ts';
import type { StepRecord } from './step-record.ts';

/** One write of a step's record: the journal's field and its encoded record. */
export interface Entry {
  readonly field: string;
  readonly record: string;
}

/** What a run was given, gave and got: whatever its steps and signals carry, as JSON. */
export interface Payloads {
  readonly input: Json;
  /** Once completed. */
  readonly output?: Json;
  /** Of the steps and child runs that are completed, in the order of their ends. Absent `result`: it gave nothing. */
  readonly results: readonly { readonly step: string; readonly result?: Json }[];
  /** In the order of their arrival. */
  readonly signals: readonly { readonly id: string; readonly name: string; readonly payload?: Json }[];
}

export interface NewRun {
  readonly runId: string;
  readonly fingerprint: string;
  readonly tenant: string;
  readonly flow: string;
  readonly version: number;
  readonly idempotencyKey: string;
  /** As `encodeInput` gives it. */
  readonly input: string;
  readonly parent?: ParentRun;
  readonly draw?: Draw;
  /** Unix milliseconds; nothing of it is run before. */
  readonly startAt?: number;
  readonly tags?: Tags;
  /** 0 to 9, the most urgent: its place among the tenant's runs of the flow that wait for a worker. Default 0. */
  readonly priority?: number;
  /** The lane that it takes its turns in, and how many of that lane may be with workers at once. Default: its tenant's, any number. */
  readonly lane?: { readonly name: string; readonly limit: number | undefined } | undefined;
  /** The W3C `traceparent` that it came with. */
  readonly trace?: string | undefined;
  /** Created to be cancelled at once: nothing of it is run. */
  readonly cancelled?: true;
}

/**
 * An amount that a run takes from a completed run of the same shard: never more than `limit` in all, however many runs ask at once. It is
 * settled when the run completes, and also when it ends otherwise with something done that was not undone; else it is given back.
 */
export interface Draw {
  readonly from: string;
  readonly amount: number;
  readonly limit: number;
}

/** The run that waits for a child's end, and the child's name in it. */
export interface ParentRun {
  readonly runId: string;
  readonly name: string;
  /** The parent's; undefined for children of 0.1. */
  readonly generation?: number;
}

/** A signal as it is kept with its run, in the order of arrival. */
export interface KeptSignal {
  readonly id: string;
  readonly name: string;
  /** Absent once a wait has taken it. */
  readonly payload?: Json;
}

export interface NewSignal {
  readonly id: string;
  readonly name: string;
  readonly payload: Json;
  /** The run's generation that it is meant for. Default: whichever runs. */
  readonly generation?: number | undefined;
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
  /** By field. */
  readonly records: ReadonlyMap<string, StepRecord>;
  /** How long each is as JSON. */
  readonly recordBytes: ReadonlyMap<string, number>;
  /** Its events, as JSON, by field. */
  readonly noted: ReadonlyMap<string, string>;
  readonly signals: readonly KeptSignal[];
  readonly parent: ParentRun | undefined;
  readonly draw: Draw | undefined;
  /** The W3C `traceparent` that it came with. */
  readonly trace: string | undefined;
  /**
   * Since when an owner that did not release the run may have started something that is not recorded; undefined once that is
   * written down.
   */
  readonly lostSince: number | undefined;
  /** Redis has lost writes since this run was created: what it did from `since` on may not be recorded. */
  readonly forgot: { readonly noticedAt: number; readonly since: number } | undefined;
  /** Of a run that is being undone: what may have been started before is recorded. False for runs of 0.1. */
  readonly doubtsRecorded: boolean;
  readonly createdAt: number;
  /** Redis' clock at the claim. */
  readonly now: number;
}

export type ClaimReply =
  | { readonly outcome: 'claimed'; readonly run: ClaimedRun }
  /** It was claimed, and what it carries cannot be decoded here: `run` is without any of it. */
  | { readonly outcome: 'unreadable'; readonly run: ClaimedRun; readonly message: string }
  | { readonly outcome: 'unknown' | 'superseded' | 'ended' }
  /** `held`: the worker that has it lives. `againMs`: until that has to be proved again. `paused`: it was parked before it began. `lane_full`: it was parked until there is a place. */
  | { readonly outcome: 'held' | 'paused' | 'lane_full'; readonly againMs: number }
  /** `againMs`: when it is to be tried again; longer, the longer it has waited. */
  | { readonly outcome: 'version_missing'; readonly version: number; readonly againMs: number };

/** How a run leaves its worker. */
export type Park =
  | { readonly for: 'wait'; readonly delayMs: number; readonly waiting: WaitingFor }
  /** The worker stops. */
  | { readonly for: 'other_worker' };

/** What an owner's write is answered. */
export type WriteReply = 'done' | 'cancel_requested' | 'stale_owner';

export interface RunOfTenant {
  readonly runId: string;
  readonly tenant: string;
}

/** A place in a list of runs: those before it were seen. */
export interface ListPosition {
  readonly at: number;
  readonly runId: string;
}

/** Which of a tenant's runs to pick; a member that is left out lets all pass. Times are Unix milliseconds. */
export interface ListFilter {
  readonly flow?: string;
  readonly status?: Run['status'];
  /** The code of its failure. */
  readonly code?: string;
  /** Created at this time or later. */
  readonly since?: number;
  /** Created before this time. */
  readonly before?: number;
  /** Its Idempotency-Key begins with this. */
  readonly keyPrefix?: string;
  /** Carries this tag. */
  readonly tag?: Tag;
}

export interface Tag {
  readonly name: string;
  readonly value: string;
}

/** One look through a list of runs. */
export interface Stretch {
  readonly runIds: readonly string[];
  /** Ids that stand in the list though their runs have expired. */
  readonly expired: readonly string[];
  /** The last run that was looked at; undefined at the end of the list. */
  readonly end: ListPosition | undefined;
}

/** A run's job, for who has to add or promote it. */
export interface JobOfRun {
  readonly flow: string;
  readonly jobId: string;
}

export type SignalReply =
  /** `parked`: the job to promote, when the run is parked. */
  | { readonly outcome: 'delivered'; readonly parked: JobOfRun | undefined }
  | {
      readonly outcome:
        | ('repeated' | 'run_finished' | 'too_many' | 'too_large' | 'unknown')
        | 'generation_ended';
    };

/** How somebody outside completes a callback. */
export interface NewOutcome {
  /** The same for the same outcome. */
  readonly fingerprint: string;
  /** What its wait gets. */
  readonly outcome: Json;
}

export type CallbackReply =
  /** `parked`: the job to promote, when the run is parked. */
  | { readonly outcome: 'completed'; readonly parked: JobOfRun | undefined }
  | { readonly outcome: 'repeated' | 'other_outcome' | 'too_large' | 'unknown' };

export type CancelReply =
  | { readonly outcome: 'cancelling'; readonly job: JobOfRun; readonly then: 'promote' | 'running' }
  /** It was dead. */
  | { readonly outcome: 'cancelling'; readonly job: JobOfRun; readonly then: 'add'; readonly deaths: number }
  /** It was dead, and nothing is left to be undone: whoever looks after its alarm ends it. */
  | { readonly outcome: 'cancelling'; readonly job: JobOfRun; readonly then: 'ends'; readonly deaths: number }
  | { readonly outcome: 'run_finished' | 'changed' | 'unknown' };

export type RerunReply =
  | { readonly outcome: 'rerun'; readonly job: JobOfRun }
  | { readonly outcome: 'not_finished' | 'drawn' | 'repeated' | 'unknown' };

export type ResolveReply =
  /** `job`: the new one of a run that goes on. */
  | { readonly outcome: 'resolved'; readonly job: JobOfRun | undefined; readonly deaths: number }
  | { readonly outcome: 'not_dead' | 'changed' | 'unknown' };

/** A person's answer, for the journal. */
export interface Answer {
  readonly step: string;
  readonly outcome: 'happened' | 'did_not_happen' | 'undone' | 'not_undone';
  readonly field: string;
  /** The field's record as it was when the person decided; '' for none. */
  readonly seen: string;
  readonly record: string;
  /** The same for the same answer to the same death. */
  readonly token: string;
  /** False for a run that is dead for a reason that would only kill it again. */
  readonly goesOn: boolean;
  /** The run is to be undone. */
  readonly cancels: boolean;
  /** Nothing that came later can have been forgotten by Redis. */
  readonly provesPresent: boolean;
}

/** Times are Unix milliseconds on Redis' clock. */
export interface Glance {
  readonly workers: readonly { readonly id: string; readonly livesUntil: number }[];
  readonly firstAlarm: number | undefined;
  /** Undefined as well when it was not asked for. */
  readonly firstSchedule: number | undefined;
}

/** How much of a run is read. */
export interface Look {
  /** False: without its input, which is null then. Default true. */
  readonly input?: boolean;
}

/** What the sweeper needs to see that a run's job is right. */
export interface Whereabouts {
  readonly runId: string;
  readonly tenant: string;
  readonly generation: number;
  readonly flow: string;
  readonly status: Run['status'];
  readonly jobId: string;
  readonly owner: string;
  readonly deaths: number;
  /** Since when its job may be taken, as far as it waits for a worker. */
  readonly readySince: number;
  /** When it wants to be woken; undefined when it waits for a signal alone, does not wait, or what ends its wait has come. */
  readonly wakeAt: number | undefined;
  readonly death: Failure | undefined;
  readonly parent: ParentRun | undefined;
  readonly version: number;
  readonly revision: number;
  readonly draw: Draw | undefined;
  /** The token of what a person did last with it. */
  readonly acted: string | undefined;
  /** It is to be ended from its journal. */
  readonly answered: boolean;
  /** An owner was lost, and what it may have started is not written down. */
  readonly lost: boolean;
  /** It waits for a place in its lane. */
  readonly waitsForPlace: boolean;
  /** It waits in its tenant's lane, without a job. */
  readonly queued: boolean;
}

/**
 * Where runs are kept: the state machine's transitions, one method each. Every one may be sent twice and counts once.
 * The Redis journal is the only one.
 */
export interface Journal {
  /** A run's input as it is kept. @param json what it is */
  encodeInput(runId: string, json: string): Promise<string>;
  createRun(
    run: NewRun,
  ): Promise<
    | { readonly outcome: 'created'; readonly now: number }
    | { readonly outcome: 'replayed'; readonly run: Run }
    | { readonly outcome: 'key_reused' }
    | { readonly outcome: 'source_not_completed' }
    | { readonly outcome: 'draw_exceeds'; readonly left: number }
  >;
  claimRun(
    job: { readonly runId: string; readonly flow: string; readonly jobId: string },
    claimant: string,
    versions: readonly number[],
  ): Promise<ClaimReply>;
  /** @param progress true when a step's outcome is among the entries, false for intents only */
  recordStep(run: ClaimedRun, entries: readonly Entry[], progress: boolean): Promise<WriteReply>;
  /** Writes down what a lost owner may have started. */
  recordDoubts(run: ClaimedRun, entries: readonly Entry[]): Promise<WriteReply>;
  startCompensation(
    run: ClaimedRun,
    end: NonNullable<ClaimedRun['compensation']>,
    entries: readonly Entry[],
  ): Promise<WriteReply>;
  suspendRun(run: ClaimedRun, park: Park, entries: readonly Entry[]): Promise<WriteReply | 'signalled'>;
  /** @param end.effectsStand something was done that was not undone, for want of an undo */
  finishRun(
    run: ClaimedRun,
    end:
      | { readonly status: 'completed'; readonly output: string }
      | { readonly status: 'failed'; readonly failure: Failure; readonly effectsStand: boolean }
      | { readonly status: Extract<TerminalStatus, 'cancelled'>; readonly effectsStand: boolean },
    entries: readonly Entry[],
  ): Promise<WriteReply>;
  /** @returns the number of this death, or undefined when the run has another owner. */
  buryRun(run: ClaimedRun, failure: Failure, entries: readonly Entry[]): Promise<number | undefined>;

  /**
   * @param token unique for the call
   * @returns the id of the run's new job, or undefined when that death is over already
   */
  redriveRun(run: RunOfTenant, death: number, token: string): Promise<string | undefined>;
  /** @returns the run's new job, or undefined when the run is no longer as `seen`. */
  reissueRun(seen: Whereabouts): Promise<{ readonly jobId: string; readonly claims: number } | undefined>;
  /** Overdue runs, and Redis' clock. Each is this caller's for a few seconds. */
  /** @param unlimited for what the engine itself has to say, such as a child's end */
  deliverSignal(runId: string, signal: NewSignal, unlimited?: true): Promise<SignalReply>;
  /** @param hash of the callback's id */
  completeCallback(runId: string, hash: string, outcome: NewOutcome): Promise<CallbackReply>;
  /**
   * Raises an event of a run's own, once for its field.
   * @param event.record is not final: that follows
   */
  emitEvent(
    run: ClaimedRun,
    event: { readonly type: string; readonly json: string } & Entry,
    entries: readonly Entry[],
  ): Promise<WriteReply>;
  /**
   * Registers a reference for a run, in place of whichever run had it.
   * @returns runs that wait for it; undefined when the run has another owner
   */
  correlate(run: ClaimedRun, reference: Reference): Promise<readonly string[] | undefined>;
  /** Of runs that were told that somebody has registered a reference. */
  forgetUncorrelated(tenant: string, reference: Reference, runIds: readonly string[]): Promise<void>;
  /**
   * The run that registered a reference.
   * @param waiter a run that is to be told within a day when somebody registers it, if nobody has
   */
  correlatedRun(tenant: string, reference: Reference, waiter: string): Promise<string | undefined>;
  /** What the ids of callbacks are made with: made once, and the same for all. */
  callbackKey(): Promise<string>;
  /** @param answeredAt the revision at which a dead run had nothing left to undo */
  cancelRun(run: RunOfTenant, answeredAt?: number): Promise<CancelReply>;
  /**
   * Ends a run whose effects have all been answered for.
   * @param effectsStand something was done that was not undone
   * @returns how it ended, or undefined when there is nothing of that kind to end
   */
  endAnswered(run: Whereabouts, effectsStand: boolean): Promise<'failed' | 'cancelled' | undefined>;
  /** Fills the queue of a flow whose run waits in its lane, and makes sure that the run is in it. */
  fillQueue(runId: string, lookAgainMs: number): Promise<void>;
  /** Wakes a run that waits for a place in its lane, if there is one. */
  lookAfterLane(runId: string, lookAgainMs: number): Promise<void>;
  /** @param generation the one that is followed: a repeat does not start another */
  rerunRun(runId: string, generation: number, version: number): Promise<RerunReply>;
  resolveStep(run: RunOfTenant, answer: Answer): Promise<ResolveReply>;
  takeAlarms(limit: number): Promise<{ readonly now: number; readonly runIds: readonly string[] }>;
  /** Schedules that are due, as `ScheduleStore` calls them, and Redis' clock. Each is this caller's for a few seconds. */
  takeSchedules(limit: number): Promise<{ readonly now: number; readonly schedules: readonly string[] }>;
  moveAlarm(runId: string, delayMs: number): Promise<void>;
  /** @returns false when the run is no longer dead by that death: then nothing was changed */
  moveAlarmOfDead(runId: string, death: number, delayMs: number): Promise<boolean>;
  whereIs(runId: string): Promise<Whereabouts | undefined>;

  /** A run's records by field, as they stand in Redis. */
  readRecords(runId: string): Promise<ReadonlyMap<string, string>>;
  /** Picks from a tenant's runs, the newest first, or from its dead ones, the last to die first. Without a tenant: from those of all. */
  listRuns(
    list: 'runs' | 'dead',
    tenant: string | undefined,
    stretch: {
      readonly after: ListPosition | undefined;
      readonly filter: ListFilter;
      /** The most runs to look at, and to pick. */
      readonly look: number;
      readonly pick: number;
    },
  ): Promise<Stretch>;
  /** Those that are there, in the given order, and the ids of those whose records are not ours. */
  readRuns(
    runIds: readonly string[],
    look?: Look,
  ): Promise<{ readonly runs: readonly Run[]; readonly unreadable: readonly string[] }>;
  /** Takes ids out of the lists of all and of a tenant, or that of a tag, whose runs have expired. */
  forgetRuns(tenant: string | undefined, runIds: readonly string[], tag?: Tag): Promise<void>;
  /** Keeps runs from beginning. One that is there already stays as it is. @param by who asks for it */
  pause(of: PauseOf, by: string): Promise<'paused' | 'paused_already'>;
  /** @returns false when there is no such pause. What it held back is woken next. */
  resume(of: PauseOf): Promise<boolean>;
  pauses(): Promise<readonly Pause[]>;
  /**
   * Takes runs that no pause holds back any more, the oldest of a flow first; their jobs are the caller's to promote.
   * @param from where to look on, as the look before told; undefined for the beginning
   */
  wakeResumed(
    from: string | undefined,
    limit: number,
  ): Promise<{ readonly woken: readonly JobOfRun[]; readonly next: string | undefined }>;
  tenants(): Promise<readonly string[]>;
  /** Adds a tenant's dead runs to the list of all dead runs, which older versions did not fill. */
  indexDead(tenant: string): Promise<void>;
  /**
   * Looks at some of a tenant's runs, the oldest first, and forgets those that have expired, and events that are older than runs are kept.
   * @param from when the first of them was created
   * @returns where to go on; undefined at the end of the list
   */
  pruneRuns(tenant: string, from: number, limit: number): Promise<number | undefined>;
  /** Without its input, where that is encoded. */
  readRun(runId: string, look?: Look): Promise<Run | undefined>;
  readPayloads(runId: string): Promise<(Payloads & { readonly tenant: string }) | undefined>;
  readInput(runId: string): Promise<Json | undefined>;
  /** Redis' clock. */
  now(): Promise<number>;
  readRevision(runId: string): Promise<number | undefined>;
  /** Ids of the workers that prove their life. */
  liveWorkers(): Promise<ReadonlySet<string>>;
  /** What tells a sweeper whether there is anything to do: until when each worker's proof of life holds, and when the first alarm is due. */
  glance(withSchedules: boolean): Promise<Glance>;
  /**
   * Says that a worker is alive.
   * @param lastCount the count of its last proof, 0 at first
   * @param promoted another Redis answers than before, which may lack what that one had taken
   * @returns the new count, and whether Redis was seen to have lost writes
   */
  proveLife(
    workerId: string,
    holdsMs: number,
    lastCount: number,
    promoted?: boolean,
  ): Promise<{ readonly count: number; readonly wentBack: boolean }>;
  /** Says which flows a worker serves, so that others can look after its runs. */
  announceFlows(flows: readonly string[]): Promise<void>;
  /** Says what a live worker can run; to be said again before `holdsMs` are over. */
  announceVersions(
    workerId: string,
    versions: readonly (readonly [flow: string, versions: readonly number[]])[],
    holdsMs: number,
  ): Promise<void>;
  /** All flows that any worker has ever served. */
  flows(): Promise<readonly string[]>;
  /** Takes a worker out that stops in good order. */
  signOff(workerId: string): Promise<void>;
}
