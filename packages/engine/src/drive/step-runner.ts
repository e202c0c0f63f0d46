import type { CallOutcome } from '../contract/call.ts';
import { InDoubtError, StepError, ThrottledError } from '../contract/errors.ts';
import { checkSize, LIMITS } from '../contract/limits.ts';
import { retryPolicy } from '../contract/retry-policy.ts';
import type { ErrorRecord, FailureKind, WaitingFor } from '../contract/run.ts';
import type { LookUp, LookUpFunction, StepCall, StepOptions, UndoOptions } from '../contract/step.ts';
import { encodeJson } from '../journal/codec.ts';
import { fieldOf, parseField } from '../journal/identity.ts';
import type { ClaimedRun } from '../journal/journal.ts';
import type {
  CompletedRecord,
  RejectedRecord,
  RetryingRecord,
  StartedRecord,
  StepRecord,
} from '../journal/step-record.ts';
import { observedOutcome } from '../observe/run-observer.ts';
import type { AttemptOutcome, CallIdentity, GiveUpReason } from './attempt.ts';
import type { CallMade } from './call-history.ts';
import { type Effect, effectOf, keyLifetimeOf, ruleWord, timeoutOf } from './effect.ts';
import type { DriveEnd, ExecutionDeps } from './execution.ts';
import { Made, type Start } from './made.ts';
import {
  type AttemptedRecord,
  afterFailure,
  askedOnce,
  type Failed,
  givenUp,
  intentOf,
  type NextMove,
  settlingUntil,
  standingOf,
} from './step-progress.ts';

/** How a step, a wait or an undo stands after it was run. */
export type StepEnd =
  | { readonly kind: 'completed'; readonly value: unknown }
  | { readonly kind: 'rejected'; readonly record: RejectedRecord }
  | { readonly kind: 'waits'; readonly waiting: WaitingFor }
  | { readonly kind: 'stopped'; readonly by: DriveEnd };

/** Runs one attempt of one effect, resolving first what an earlier attempt left in doubt, and holds its record. */
export class StepRunner {
  readonly #run: ClaimedRun;
  readonly #deps: ExecutionDeps;

  constructor(run: ClaimedRun, deps: ExecutionDeps) {
    this.#run = run;
    this.#deps = deps;
  }

  /** @param forgot Redis may have forgotten that the step was run; undefined when it has not */
  async run(name: string, options: StepOptions<unknown>, forgot?: ClaimedRun['forgot']): Promise<StepEnd> {
    const effect = effectOf(name, options);
    if (forgot) this.doubtForgotten(effect.field, forgot);
    return this.#attempt(effect, this.#start(effect));
  }

  /** An undo must be safe to repeat: its provider honours the key, or undoing twice is undoing once. */
  async undo(name: string, options: UndoOptions<unknown>, result: unknown): Promise<StepEnd> {
    const { undo } = options;
    if (!undo) throw new Error(`step "${name}" has no undo`);
    const effect: Effect = {
      field: fieldOf('undo', name),
      step: name,
      undo: true,
      hasUndo: true,
      optional: false,
      givesWay: false,
      run: (call) => undo(result, call),
      find: undefined,
      whenInDoubt: 'repeat',
      keyLifetimeMs: keyLifetimeOf(options),
      afterKeyLifetime: 'halt',
      settleForMs: 0,
      retry: retryPolicy(options.retry),
      timeoutMs: timeoutOf(options),
    };
    return this.#attempt(effect, this.#start(effect));
  }

  /**
   * Finds out whether an effect in doubt happened, before what was done is undone. One that can be looked up is never run again; one
   * that may be repeated is repeated, so that there is something definite to undo.
   * @returns undefined for what is left as it is: nobody can tell, and nothing could be undone
   */
  async settle(name: string, options: StepOptions<unknown>): Promise<StepEnd | undefined> {
    const effect = effectOf(name, options);
    const start = this.#start(effect);
    const rule = this.#whenInDoubt(effect, start);
    if (typeof rule !== 'function') return options.undo && this.#attempt(effect, start);
    return (
      this.#notYet(effect, start) ??
      (await this.#lookUp(effect, start, rule)) ??
      this.#didNotHappen(effect, start)
    );
  }

  /** Doubts what Redis may have forgotten of it; what was written since that was noticed is known. */
  doubtForgotten(field: string, { since, noticedAt }: NonNullable<ClaimedRun['forgot']>): void {
    const record = this.#deps.writer.records.get(field);
    if (record?.kind === 'retrying' && record.retryAt >= noticedAt) return;
    if (record?.kind === 'started' && (record.overAt ?? 0) >= noticedAt) return;
    this.doubt(field, since);
  }

  /**
   * Holds a record that an attempt may have been made of which there is none. A step that waits for the time of its next attempt, or
   * that is over, was not touched.
   * @param since when it may have been started at the earliest
   */
  doubt(field: string, since: number): void {
    const { writer } = this.#deps;
    const record = writer.records.get(field);
    if (record?.kind === 'completed' || record?.kind === 'waiting') return;
    if (record?.kind === 'rejected' && parseField(field)?.kind !== 'undo') return;
    const overAt = writer.now();
    if (record?.kind === 'started') {
      writer.hold(field, { ...record, overAt });
      this.#noteCutOff(field, record, record.overAt === undefined ? record.calledAt : undefined, since);
      return;
    }
    if (record?.kind === 'retrying' && this.#waits(record) && record.retryAt > overAt) return;
    const standing = standingOf(record, this.#run.redrives, { seq: writer.nextSeq(), startedAt: since });
    const doubted = { ...intentOf(standing, since), overAt };
    writer.hold(field, doubted);
    this.#noteCutOff(field, doubted, undefined, since);
  }

  /** Tells of a call that a lost owner may have made about a doubt that is recorded already; unless that waited for its time. */
  noteLost(field: string, since: number): void {
    const record = attempted(this.#deps.writer.records.get(field));
    if (record?.kind !== 'started' && record?.kind !== 'retrying') return;
    const waits =
      record.kind === 'retrying' && this.#waits(record) && record.retryAt > this.#deps.writer.now();
    if (!waits) this.#noteCutOff(field, record, undefined, since);
  }

  /** @param calledAt when the attempt began, where that is known; else it was after all else that is */
  #noteCutOff(
    field: string,
    record: StartedRecord | RetryingRecord,
    calledAt: number | undefined,
    since: number,
  ): void {
    const { writer } = this.#deps;
    const at = parseField(field);
    if (at?.kind !== 'step' && at?.kind !== 'undo') return;
    const { attempts: attempt, keyAttempt } = record;
    const after = [...writer.records.values()].map((each) => ('finishedAt' in each ? each.finishedAt : 0));
    writer.noteCall({
      ...{ what: at.kind === 'undo' ? 'undo' : 'run', step: at.name, attempt, outcome: 'cut_off' },
      ...{ startedAt: calledAt ?? Math.max(since, ...after), at: writer.now() },
      ...(keyAttempt > 1 && { keyAttempt }),
    });
  }

  #start(effect: Effect): Start {
    const { writer } = this.#deps;
    const record = attempted(writer.records.get(effect.field));
    const retrying = record?.kind === 'retrying' ? record : undefined;
    const fresh = { seq: record?.seq ?? writer.nextSeq(), startedAt: writer.now() };
    const { seq, attempts, used, redrive, keyAttempt, startedAt, inDoubt, overAt, givesUp } = standingOf(
      record,
      this.#run.redrives,
      fresh,
    );
    return {
      seq,
      attempts,
      used,
      redrive,
      keyAttempt,
      startedAt,
      inDoubt,
      overAt,
      givesUp: givesUp === true,
      notBefore:
        retrying && this.#waits(retrying) ? { at: retrying.retryAt, wait: retrying.wait } : undefined,
      refused: retrying?.error.kind === 'rejected',
    };
  }

  /** A redrive ends the wait for the next attempt. */
  #waits(record: RetryingRecord): boolean {
    return record.budget.redrive === this.#run.redrives;
  }

  /** What the effect's options say, given how long ago its key was first sent, and what the provider said last. */
  #whenInDoubt(effect: Effect, start: Start): Effect['whenInDoubt'] {
    const { whenInDoubt, afterKeyLifetime, find, keyLifetimeMs } = effect;
    if (whenInDoubt !== 'repeat') return whenInDoubt;
    if (this.#deps.writer.now() - start.startedAt > keyLifetimeMs) return afterKeyLifetime;
    return (start.refused ? find : undefined) ?? whenInDoubt;
  }

  #notYet(effect: Effect, { notBefore }: Start): StepEnd | undefined {
    if (!notBefore || notBefore.at <= this.#deps.writer.now()) return undefined;
    return waits({ kind: notBefore.wait, step: effect.step, until: notBefore.at });
  }

  async #attempt(effect: Effect, begun: Start): Promise<StepEnd> {
    const { writer } = this.#deps;
    const notYet = this.#notYet(effect, begun);
    if (notYet) return notYet;
    let start = begun;
    if (start.inDoubt) {
      const whenInDoubt = this.#whenInDoubt(effect, start);
      if (whenInDoubt === 'halt') return this.#halted(effect, start);
      if (typeof whenInDoubt === 'function') {
        const found = await this.#lookUp(effect, start, whenInDoubt);
        if (found) return found;
        if (start.givesUp) return this.#givesUp(effect, start);
        start = { ...start, inDoubt: false };
      }
    }
    if (this.#deps.draining()) return stopped({ kind: 'handed_back' });

    const before = writer.records.get(effect.field);
    if (effect.whenInDoubt !== 'repeat')
      writer.hold(effect.field, { ...intentOf(start, writer.now()), rule: ruleWord(effect.whenInDoubt) });
    const written = await writer.flush();
    if (written === 'stale_owner') return stopped({ kind: 'lost' });
    if (written === 'cancel_requested' && !this.#run.compensation) {
      writer.takeBack(effect.field, before);
      return stopped({ kind: 'cancelled' });
    }

    const made = new Made(effect.undo ? 'undo' : 'run', start, start.attempts + 1, writer.now());
    const outcome = await this.#call(made, effect, effect.run);
    if (outcome.kind === 'abandoned') {
      // the next owner must know of it; one that lost the run may not write any more
      if (outcome.because === 'worker_stops') {
        writer.hold(effect.field, { ...intentOf(start, made.startedAt), overAt: writer.now() });
        this.#note(effect, made, 'cut_off');
      }
      return abandoned(outcome.because);
    }
    if (outcome.kind === 'ok') return this.#completed(effect, start, made, outcome.value);
    return this.#failed(effect, start, outcome, made);
  }

  /** @returns undefined when the effect did not happen. */
  async #lookUp(effect: Effect, start: Start, find: LookUpFunction<unknown>): Promise<StepEnd | undefined> {
    const { writer, retryScale } = this.#deps;
    if (this.#deps.draining()) return stopped({ kind: 'handed_back' });
    if ((await writer.flush()) === 'stale_owner') return stopped({ kind: 'lost' });
    const attempts = Math.max(1, start.attempts);
    const made = new Made('look_up', start, attempts, writer.now());
    const looked = await this.#call(made, effect, find);
    if (looked.kind === 'abandoned') {
      if (looked.because === 'worker_stops') this.#note(effect, made, 'cut_off');
      return abandoned(looked.because);
    }
    if (looked.kind === 'ok') {
      if (looked.value.outcome === 'none') {
        const settledAt = Math.ceil(start.overAt + effect.settleForMs * retryScale);
        const settled = made.startedAt >= settledAt;
        this.#note(effect, made, 'none', settled ? {} : { until: settledAt });
        if (settled) return undefined;
        writer.hold(effect.field, settlingUntil(start, effect.step, settledAt));
        return waits({ kind: 'retry', step: effect.step, until: settledAt });
      }
      if (looked.value.outcome === 'found') {
        return this.#completed(effect, start, made, looked.value.result);
      }
    }
    return this.#failed(
      effect,
      { ...start, attempts: attempts - 1 },
      stillInDoubt(effect.step, looked),
      made,
    );
  }

  async #call<T>(
    { what, start, attempt, requests }: Made,
    effect: Effect,
    fn: (call: StepCall) => T | Promise<T>,
  ): Promise<AttemptOutcome<T>> {
    const { calls, observer, span } = this.#deps;
    const { step, timeoutMs } = effect;
    const identity = this.#identity(effect, start, attempt);
    const make = (trace = identity.trace) => calls.make({ ...identity, trace }, timeoutMs, fn, requests);
    const from = performance.now();
    const ended = await (span ? span.call({ step, what, attempt }, make) : make());
    if (!observer.called) return ended;
    const outcome = observedOutcome(ended);
    const { flow } = this.#run;
    if (outcome) observer.called({ flow, step, what, outcome, durationMs: performance.now() - from });
    return ended;
  }

  /** Keeps a call in the run's history; one that went well at the first try, and whose requests nobody noted, is told by its step's record. */
  #note(effect: Effect, made: Made, outcome: CallOutcome, more: Partial<CallMade> = {}): void {
    const { writer } = this.#deps;
    const { step, undo } = effect;
    const { what, attempt, startedAt, start, requests } = made;
    const plain = outcome === 'ok' && what !== 'look_up' && requests.length === 0;
    if (plain && attempt === 1 && !writer.hasCalls(step, undo)) return;
    writer.noteCall({
      ...{ what, step, attempt, startedAt, at: writer.now(), outcome },
      ...(start.keyAttempt > 1 && { keyAttempt: start.keyAttempt }),
      ...(requests.length > 0 && { requests, sent: requests.some(({ sent }) => sent) }),
      ...more,
    });
  }

  #completed(effect: Effect, start: Start, made: Made, value: unknown): StepEnd {
    const { writer } = this.#deps;
    const attempts = made.attempt;
    try {
      const what = `the result of step "${effect.step}"`;
      const json = effect.undo ? undefined : encodeJson(value, what);
      checkSize(json, LIMITS.resultBytes, 'result_too_large', what);
      const result: unknown = json === undefined ? undefined : JSON.parse(json);
      const record: CompletedRecord = {
        kind: 'completed',
        seq: writer.nextSeq(),
        attempts,
        startedAt: start.startedAt,
        finishedAt: writer.now(),
        result,
        ...(effect.undo && value === 'stands' && { stands: true }),
      };
      writer.hold(effect.field, effect.hasUndo ? record : { ...record, undo: false }, json);
      this.#note(effect, made, 'ok');
      writer.flushSoon();
      return { kind: 'completed', value: result };
    } catch (error) {
      return this.#failed(effect, start, { kind: 'bug', error }, made);
    }
  }

  #failed(effect: Effect, start: Start, failed: Failed, made: Made): StepEnd {
    const { writer, random, retryScale } = this.#deps;
    const at = { now: writer.now(), random, scale: retryScale };
    const rule = this.#whenInDoubt(effect, start);
    const failure = afterFailure(start, failed, effect.retry, ruleWord(rule), at);
    const askAt = Math.ceil(at.now + effect.settleForMs * retryScale);
    // it gives up, and has not asked yet what came of its last attempt
    const asks =
      typeof rule === 'function' &&
      made.what === 'run' &&
      failure.kind === 'die' &&
      failure.as === 'in_doubt';
    const next: NextMove = asks ? { kind: 'wait', record: askedOnce(failure.record, askAt) } : failure;
    const putOff = failed.error instanceof ThrottledError && failed.error.unsent;
    this.#note(effect, made, failedAs(failed), {
      ...(next.kind === 'wait' && { until: next.record.retryAt }),
      ...(putOff && { putOff: true }),
      ...((putOff || saysUnsent(failed)) && { sent: false }),
      error: shortError(next.record.error),
    });
    if (next.kind === 'reject') return this.#over(effect, next.record);
    if (next.kind === 'die' && goesOnWithout(effect, next.as)) {
      const { attempts, startedAt, error } = next.record;
      return this.#over(effect, { attempts, startedAt, error: { ...error, kind: next.as } });
    }
    writer.hold(effect.field, next.record);
    if (next.kind === 'die') return dies(effect, next.as, next.record.error);
    return waits({ kind: next.record.wait, step: effect.step, until: next.record.retryAt });
  }

  /** Out of attempts, and the provider knows of no effect. */
  #givesUp(effect: Effect, start: Start): StepEnd {
    const { writer } = this.#deps;
    const record = givenUp(start, writer.now());
    if (goesOnWithout(effect, 'exhausted')) {
      const { attempts, startedAt, error } = record;
      return this.#over(effect, { attempts, startedAt, error: { ...error, kind: 'exhausted' } });
    }
    writer.hold(effect.field, record);
    return dies(effect, 'exhausted', record.error);
  }

  #didNotHappen(effect: Effect, start: Start): StepEnd {
    const { attempts, startedAt } = start;
    const message = `step "${effect.step}" was in doubt; the provider knows nothing of it`;
    return this.#over(effect, { attempts, startedAt, error: { code: 'did_not_happen', message } });
  }

  /** Nobody can tell what came of it but a person. */
  #halted(effect: Effect, { attempts, startedAt }: Start): StepEnd {
    const error = doubtAbout(effect);
    if (!goesOnWithout(effect, 'in_doubt')) return dies(effect, 'in_doubt', error);
    return this.#over(effect, { attempts, startedAt, error: { ...error, kind: 'in_doubt' } });
  }

  /** It has come to nothing, or nobody will know: for the flow to see, or a warning where it is optional. */
  #over(
    effect: Effect,
    { attempts, startedAt, error }: Pick<RejectedRecord, 'attempts' | 'startedAt' | 'error'>,
  ): StepEnd {
    const { writer } = this.#deps;
    const record: RejectedRecord = {
      ...{ kind: 'rejected', seq: writer.nextSeq(), attempts, startedAt, finishedAt: writer.now(), error },
      ...(effect.optional && { optional: true }),
    };
    writer.hold(effect.field, record);
    if (!effect.undo) writer.flushSoon();
    return { kind: 'rejected', record };
  }

  #identity(effect: Effect, start: Start, attempt: number): CallIdentity {
    const { runId, generation, trace } = this.#run;
    const { step, undo } = effect;
    const { keyAttempt, startedAt } = start;
    return { runId, generation, step, undo, attempt, startedAt, keyAttempt, trace };
  }
}

function failedAs(failed: Failed): CallOutcome {
  if (failed.kind !== 'retryable') return failed.kind;
  return failed.error.kind;
}

/** What was thrown says that not a byte was sent. */
function saysUnsent({ error }: Failed): boolean {
  return error instanceof StepError && error.details?.unsent === true;
}

/** @throws Error for a record that no attempt can follow */
function attempted(record: StepRecord | undefined): AttemptedRecord | undefined {
  if (record?.kind === 'completed' || record?.kind === 'waiting') {
    throw new Error(`a step's record says "${record.kind}", so it cannot be attempted`);
  }
  return record;
}

/** A look-up that did not say found or none leaves the effect in doubt; it is tried again like the step. */
function stillInDoubt(
  step: string,
  looked: Exclude<AttemptOutcome<LookUp<unknown>>, { kind: 'abandoned' }>,
): Exclude<Failed, { kind: 'rejected' }> {
  if (looked.kind === 'retryable') return { ...looked, inDoubt: true, unsent: false };
  if (looked.kind === 'bug' || looked.kind === 'misconfigured') return looked;
  const [reason, cause] =
    looked.kind === 'rejected'
      ? [looked.error.message, looked.error]
      : [
          looked.value.outcome === 'unknown' ? looked.value.reason : 'it answered neither found nor none',
          undefined,
        ];
  const error = new InDoubtError({
    code: 'look_up_unknown',
    message: `step "${step}" is in doubt and its look-up did not tell: ${reason}`,
    cause,
  });
  return { kind: 'retryable', wait: 'retry', inDoubt: true, unsent: false, error, retryAfterMs: undefined };
}

function shortError({ code, message, kind }: ErrorRecord): Pick<ErrorRecord, 'code' | 'message' | 'kind'> {
  return { code, message: message.slice(0, 500), ...(kind && { kind }) };
}

/** An optional step that cannot be done is a warning; a doubt only where nothing would have to be undone later. */
function goesOnWithout({ optional, givesWay, hasUndo }: Effect, failure: FailureKind): boolean {
  if (failure === 'exhausted') return optional || givesWay;
  return optional && failure === 'in_doubt' && !hasUndo;
}

function doubtAbout({ step, undo }: Effect): ErrorRecord {
  const message = undo
    ? `the undo of step "${step}" was started, its outcome is not known, and its key may be forgotten by now; find out whether it was undone, then resolve it`
    : `step "${step}" was started and its outcome is not known; find out whether it happened, then resolve it`;
  return { code: 'step_in_doubt', message };
}

function dies(effect: Effect, kind: FailureKind, error: ErrorRecord): StepEnd {
  const undone = effect.undo && (kind === 'in_doubt' || kind === 'exhausted') ? 'compensation_failed' : kind;
  return stopped({ kind: 'dies', failure: { ...error, kind: undone, step: effect.step } });
}

export function waits(waiting: WaitingFor): StepEnd {
  return { kind: 'waits', waiting };
}

function abandoned(because: GiveUpReason): StepEnd {
  return stopped({ kind: because === 'worker_stops' ? 'handed_back' : 'lost' });
}

export function stopped(by: DriveEnd): StepEnd {
  return { kind: 'stopped', by };
}
