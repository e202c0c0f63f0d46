import type { Flow } from '../contract/define-flow.ts';
import type { FlowRegistry } from '../contract/flow-registry.ts';
import { checkSize, LIMITS } from '../contract/limits.ts';
import type { Log } from '../contract/log.ts';
import type { Failure } from '../contract/run.ts';
import { callbackIds } from '../journal/callback-ids.ts';
import { encodeJson } from '../journal/codec.ts';
import { isFirstOwner, parseField } from '../journal/identity.ts';
import type { ClaimedRun, Journal, Park } from '../journal/journal.ts';
import type { ObservedEnd, RunObserver } from '../observe/run-observer.ts';
import { RunSpan } from '../observe/spans.ts';
import type { EndedChild } from '../queue/child-runs.ts';
import type { Correlations } from '../queue/correlations.ts';
import type { DeadRun } from '../queue/dead-letters.ts';
import type { Calls } from './attempt.ts';
import {
  type CompensationCut,
  doubtFrontier,
  doubtNextUndo,
  effectsStand,
  hasOpenDoubts,
  needsCompensation,
  noteUnsettled,
  settleDoubts,
  undoAll,
} from './compensation.ts';
import { toErrorRecord } from './error-codec.ts';
import { type DriveEnd, Execution, type ExecutionDeps } from './execution.ts';
import { RunWriter } from './run-writer.ts';
import type { StatePlace } from './state-access.ts';
import { StepRunner } from './step-runner.ts';
import type { CallbackPlace, ChildEnd, ChildRuns } from './waits.ts';

/** What becomes of the job that carried a run. */
export type JobVerdict =
  | { readonly kind: 'ends' }
  /** The run goes on with the same job, later. */
  | { readonly kind: 'parks'; readonly delayMs: number };

export interface ExecutorDeps {
  readonly journal: Journal;
  readonly flows: FlowRegistry;
  /** Unique for every call, also across processes. */
  readonly nextClaimant: () => string;
  readonly writeLetter: (dead: DeadRun) => Promise<void>;
  readonly children: ChildRuns;
  readonly correlations: Correlations;
  readonly state: StatePlace;
  readonly callbacks: Omit<CallbackPlace, 'ids'> & {
    /** Gives the key that the ids of callbacks are made with. */
    readonly readKey: () => Promise<string>;
  };
  readonly tellParent: (child: EndedChild) => Promise<void>;
  readonly observer: RunObserver;
  readonly log: Log;
  readonly random: () => number;
  readonly retryScale: number;
  readonly draining: () => boolean;
  /** Claims in a row without progress after which a run is thought to end its worker. */
  readonly poisonAfter: number;
}

/** What a drive leads to: the job's verdict, or another claim at once. */
type DriveVerdict = JobVerdict | { readonly kind: 'goes_on' };

type WithoutFlow<End> = End extends unknown ? Omit<End, 'flow' | 'durationMs'> : never;

const ENDS: JobVerdict = { kind: 'ends' };

/** Takes a run as far as it goes now: claims it, drives its flow or its compensation, and writes down where it stands. */
export class Executor {
  readonly #deps: ExecutorDeps;
  /** Versions of flows that runs have and this worker lacks, each said once. */
  readonly #missing = new Set<string>();

  constructor(deps: ExecutorDeps) {
    this.#deps = deps;
  }

  /** @param calls given up by the caller when the job's lock is lost or the worker must stop */
  async execute(
    job: { readonly id: string; readonly runId: string; readonly flow: string },
    calls: Calls,
  ): Promise<JobVerdict> {
    const { journal, flows, nextClaimant } = this.#deps;
    for (;;) {
      const claim = await journal.claimRun(
        { runId: job.runId, flow: job.flow, jobId: job.id },
        nextClaimant(),
        flows.versions(job.flow),
      );
      if (claim.outcome === 'version_missing') {
        this.#noteMissing(`${job.flow}@${claim.version}`, job.runId);
        return { kind: 'parks', delayMs: claim.againMs };
      }
      if (claim.outcome === 'held' || claim.outcome === 'paused' || claim.outcome === 'lane_full')
        return { kind: 'parks', delayMs: claim.againMs };
      if (claim.outcome !== 'claimed' && claim.outcome !== 'unreadable') return ENDS;
      const { run } = claim;
      const { readKey, publicUrl } = this.#deps.callbacks;
      const callbacks = { ids: callbackIds(readKey), publicUrl };
      // a replay makes the ids of its callbacks without awaiting anything
      if (hasCallbacks(run)) await callbacks.ids.ready();
      this.#observe(run);
      const writer = new RunWriter(journal, run);
      writer.onLost = () => calls.giveUp('run_lost');
      const span = new RunSpan(run, job.id);
      const drive = new Drive(run, this.#flowOf(run), writer, calls, callbacks, this.#deps, span);
      const doomed =
        claim.outcome === 'unreadable'
          ? unreadable(claim.message)
          : run.claims > this.#deps.poisonAfter
            ? poison(run)
            : undefined;
      const verdict = await span
        .within(() => (doomed ? drive.bury(doomed) : drive.go()))
        .finally(() => span.end());
      // a signal came while the run was being parked: it is claimed anew, with the signal
      if (verdict.kind !== 'goes_on') return verdict;
    }
  }

  #noteMissing(version: string, runId: string): void {
    if (this.#missing.has(version)) return;
    this.#missing.add(version);
    this.#deps.log.warn(
      { run: runId, version },
      'runs wait for a flow version that this worker lacks; register it, or start a worker that has it',
    );
  }

  #observe({ flow, owner, claims, now, createdAt }: ClaimedRun): void {
    const waitedMs = isFirstOwner(owner) ? now - createdAt : undefined;
    this.#deps.observer.claimed?.({ flow, waitedMs, takenOver: claims > 1 });
  }

  #flowOf(run: ClaimedRun): Flow {
    const flow = this.#deps.flows.get(run.flow, run.version);
    if (!flow)
      throw new Error(`flow "${run.flow}" version ${run.version} was claimed by a worker that lacks it`);
    return flow;
  }
}

class Drive {
  readonly #run: ClaimedRun;
  readonly #flow: Flow;
  readonly #writer: RunWriter;
  readonly #calls: Calls;
  readonly #callbacks: CallbackPlace;
  readonly #deps: ExecutorDeps;
  readonly #span: RunSpan;

  constructor(
    run: ClaimedRun,
    flow: Flow,
    writer: RunWriter,
    calls: Calls,
    callbacks: CallbackPlace,
    deps: ExecutorDeps,
    span: RunSpan,
  ) {
    this.#callbacks = callbacks;
    this.#span = span;
    this.#run = run;
    this.#flow = flow;
    this.#writer = writer;
    this.#calls = calls;
    this.#deps = deps;
  }

  async go(): Promise<DriveVerdict> {
    const { compensation, cancelRequested, lostSince } = this.#run;
    if (lostSince !== undefined) {
      const cut = await this.#recordDoubts(lostSince);
      if (cut) return cut;
    }
    if (compensation) return this.#goOnUndoing(compensation);
    if (cancelRequested) return this.#cancel();

    const execution = this.#execution('forward', this.#run);
    const ended = await execution.drive((ctx, input) => this.#flow.run(ctx, input));
    if (ended.kind === 'dies' && ended.failure.code === 'step_name_reused') {
      await this.#writer.quiet();
      // a replay notes where names are used, and comes to the same end
      const replayed = await this.#replay();
      if (replayed.ended.kind === 'dies') return this.bury(replayed.ended.failure);
    }
    return this.#afterDrive(ended, execution);
  }

  /**
   * The last owner did not release the run: what it may have started is written down before anything else is done.
   * @returns undefined when the run can go on
   */
  async #recordDoubts(since: number): Promise<DriveVerdict | undefined> {
    const { compensation, cancelRequested, doubtsRecorded } = this.#run;
    const { execution, ended } = await this.#replay();
    const runner = new StepRunner(this.#run, this.#executionDeps());
    const { reached } = execution;
    if (!compensation || !doubtsRecorded) doubtFrontier(runner, reached, since);
    const unsettled = doubtsRecorded && hasOpenDoubts(this.#writer, reached);
    if (compensation && unsettled) noteUnsettled(runner, this.#writer, reached, since);
    else if (compensation) doubtNextUndo(runner, this.#writer, reached, since);
    // the mark stays: with other code, the flow may have come further
    const undoing = compensation !== undefined || cancelRequested;
    if (ended.kind === 'dies' && !(undoing && knowsWhatWasDone(ended, execution)))
      return this.bury(ended.failure);
    const written = await this.#deps.journal.recordDoubts(this.#run, this.#writer.takeHeld());
    return written === 'done' ? undefined : ENDS;
  }

  async #afterDrive(ended: DriveEnd, execution: Execution): Promise<DriveVerdict> {
    await this.#writer.quiet();
    switch (ended.kind) {
      case 'returned':
        return this.#complete(ended.output, execution);
      case 'rejected':
        return this.#startUndoing({ ends: 'failed', failure: ended.failure }, execution);
      case 'cancelled':
        return this.#startUndoing({ ends: 'cancelled' }, execution);
      case 'replayed':
        throw new Error('a forward drive cannot end by replay alone');
      default:
        return this.#leave(ended, execution);
    }
  }

  async #complete(output: unknown, execution: Execution): Promise<DriveVerdict> {
    const encoded = this.#encodeOutput(output);
    if ('failure' in encoded) return this.bury(encoded.failure);
    const end = { status: 'completed', output: encoded.json } as const;
    const reply = await this.#writer.handOver((entries) =>
      this.#deps.journal.finishRun(this.#run, end, entries),
    );
    if (reply === 'cancel_requested') return this.#startUndoing({ ends: 'cancelled' }, execution);
    if (reply !== 'done') return ENDS;
    this.#ended({ status: 'completed' });
    if (this.#run.parent) await this.#tellParent({ status: 'completed', output: JSON.parse(encoded.json) });
    return ENDS;
  }

  #ended(end: WithoutFlow<ObservedEnd>): void {
    const { observer } = this.#deps;
    const { flow, createdAt } = this.#run;
    observer.ended?.({ flow, durationMs: this.#writer.now() - createdAt, ...end });
    this.#span.ended(end);
  }

  async #tellParent(end: ChildEnd): Promise<void> {
    const { runId, parent } = this.#run;
    if (parent) await this.#deps.tellParent({ runId, parent, end });
  }

  #encodeOutput(output: unknown): { readonly json: string } | { readonly failure: Failure } {
    try {
      const checked = this.#flow.output.safeParse(output);
      if (checked.success) {
        const what = `the output of flow "${this.#flow.name}"`;
        const json = encodeJson(checked.data, what) ?? 'null';
        checkSize(json, LIMITS.resultBytes, 'result_too_large', what);
        return { json };
      }
      const faults = checked.error.issues
        .map((issue) => `${issue.path.join('.') || '(output)'}: ${issue.message}`)
        .join('; ');
      return {
        failure: {
          kind: 'bug',
          code: 'output_invalid',
          message: `flow "${this.#flow.name}" returned what its schema refuses: ${faults}`,
        },
      };
    } catch (error) {
      return { failure: { ...toErrorRecord(error), kind: 'bug' } };
    }
  }

  /** A cancel that arrived between two drives: what was done is found by replay. */
  async #cancel(): Promise<DriveVerdict> {
    const done = await this.#whatWasDone();
    if ('kind' in done) return done;
    return this.#startUndoing({ ends: 'cancelled' }, done);
  }

  async #goOnUndoing(end: NonNullable<ClaimedRun['compensation']>): Promise<DriveVerdict> {
    const done = await this.#whatWasDone();
    if ('kind' in done) return done;
    return this.#undo(end, done, this.#run);
  }

  async #startUndoing(
    end: NonNullable<ClaimedRun['compensation']>,
    execution: Execution,
  ): Promise<DriveVerdict> {
    if (!needsCompensation(this.#writer, execution.reached)) return this.#endUndone(end);
    const reply = await this.#deps.journal.startCompensation(this.#run, end, this.#writer.takeHeld());
    if (reply !== 'done') return ENDS;
    return this.#undo(end, execution, { ...this.#run, compensation: end });
  }

  async #undo(
    end: NonNullable<ClaimedRun['compensation']>,
    execution: Execution,
    run: ClaimedRun,
  ): Promise<DriveVerdict> {
    const runner = new StepRunner(run, this.#executionDeps());
    let done = execution;
    for (;;) {
      const settled = await settleDoubts(runner, this.#writer, done.reached);
      await this.#writer.quiet();
      if (settled.kind !== 'settled') return this.#leave(settled, done);
      if (!run.forgot || !settled.happened) break;
      // Redis may have forgotten what came after it, too
      const known = await this.#whatWasDone();
      if ('kind' in known) return known;
      done = known;
    }
    const ended = await undoAll(runner, this.#writer, done.reached);
    await this.#writer.quiet();
    return ended.kind === 'undone' ? this.#endUndone(end) : this.#leave(ended, done);
  }

  async #endUndone(end: NonNullable<ClaimedRun['compensation']>): Promise<DriveVerdict> {
    const stands = { effectsStand: effectsStand(this.#writer.records) };
    const finish =
      end.ends === 'failed'
        ? ({ status: 'failed', failure: end.failure, ...stands } as const)
        : ({ status: 'cancelled', ...stands } as const);
    const reply = await this.#writer.handOver((entries) =>
      this.#deps.journal.finishRun(this.#run, finish, entries),
    );
    if (reply === 'done') {
      this.#ended({ status: finish.status });
      await this.#tellParent(
        end.ends === 'failed' ? { status: 'failed', error: end.failure } : { status: 'cancelled' },
      );
    }
    if (reply !== 'cancel_requested') return ENDS;
    // nothing is left to undo, so the run ends as the one who cancelled it wants
    const cancelled = await this.#deps.journal.startCompensation(
      this.#run,
      { ends: 'cancelled' },
      this.#writer.takeHeld(),
    );
    if (cancelled !== 'done') return ENDS;
    const finished = await this.#deps.journal.finishRun(this.#run, { status: 'cancelled', ...stands }, []);
    if (finished !== 'done') return ENDS;
    this.#ended({ status: 'cancelled' });
    await this.#tellParent({ status: 'cancelled' });
    return ENDS;
  }

  /** Learns which steps there are to undo. */
  async #whatWasDone(): Promise<Execution | DriveVerdict> {
    const { execution, ended } = await this.#replay();
    if (ended.kind === 'dies' && !knowsWhatWasDone(ended, execution)) return this.bury(ended.failure);
    return execution;
  }

  /** Plays the journal back without any effect. */
  async #replay(): Promise<{ readonly execution: Execution; readonly ended: DriveEnd }> {
    const execution = this.#execution('replay', this.#run);
    const ended = await execution.drive((ctx, input) => this.#flow.run(ctx, input));
    return { execution, ended };
  }

  async #leave(ended: CompensationCut, execution: Execution): Promise<DriveVerdict> {
    switch (ended.kind) {
      case 'lost':
        return ENDS;
      case 'dies':
        return this.bury(ended.failure);
      case 'handed_back':
        return this.#park({ for: 'other_worker' }, 0, execution);
      case 'waits':
        return this.#park(
          { for: 'wait', delayMs: ended.delayMs, waiting: ended.waiting },
          ended.delayMs,
          execution,
        );
    }
  }

  async #park(park: Park, delayMs: number, execution: Execution): Promise<DriveVerdict> {
    const reply = await this.#writer.handOver((entries) =>
      this.#deps.journal.suspendRun(this.#run, park, entries),
    );
    if (reply === 'done') {
      this.#span.ended({ status: 'suspended' });
      return { kind: 'parks', delayMs };
    }
    if (reply === 'signalled') return { kind: 'goes_on' };
    if (reply === 'cancel_requested') return this.#startUndoing({ ends: 'cancelled' }, execution);
    return ENDS;
  }

  async bury(failure: Failure): Promise<DriveVerdict> {
    const death = await this.#deps.journal.buryRun(this.#run, failure, this.#writer.takeHeld());
    if (death !== undefined) {
      const { runId, tenant, flow } = this.#run;
      this.#ended({ status: 'dead', kind: failure.kind, code: failure.code });
      // codes only: a message may hold a provider's words about a customer
      const { step, kind, code } = failure;
      this.#deps.log.warn(
        { run: runId, flow, ...(step && { step }), kind, code },
        'the run is dead; a person has to decide',
      );
      await this.#deps.writeLetter({ runId, tenant, flow, death, failure });
    }
    return ENDS;
  }

  #execution(mode: 'forward' | 'replay', run: ClaimedRun): Execution {
    return new Execution(run, mode, this.#executionDeps());
  }

  #executionDeps(): ExecutionDeps {
    const { children, correlations, state, observer, log, random, retryScale, draining } = this.#deps;
    return {
      writer: this.#writer,
      calls: this.#calls,
      span: this.#span,
      children,
      callbacks: this.#callbacks,
      correlations,
      state,
      events: this.#deps.journal,
      observer,
      log,
      random,
      retryScale,
      draining,
    };
  }
}

/** A bug behind all that was done hides nothing: who gives such a run up gets it undone. */
function knowsWhatWasDone({ failure }: Extract<DriveEnd, { kind: 'dies' }>, execution: Execution): boolean {
  return failure.kind === 'bug' && execution.cameToAllEffects();
}

/** Nothing was done: it goes on once this worker has what its payloads were encoded with. */
function unreadable(message: string): Failure {
  return { kind: 'misconfigured', code: 'payload_unreadable', message };
}

function hasCallbacks({ records }: ClaimedRun): boolean {
  return [...records.keys()].some((field) => parseField(field)?.kind === 'callback');
}

function poison(run: ClaimedRun): Failure {
  const times = run.claims - 1;
  return {
    kind: 'poison',
    code: 'poison',
    message: `${times} workers in a row died or lost the run while they had it; redrive it once the reason is known`,
  };
}
