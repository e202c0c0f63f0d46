import { toMs } from '../contract/duration.ts';
import { InDoubtError } from '../contract/errors.ts';
import { checkSize, LIMITS } from '../contract/limits.ts';
import { type RetryPolicyMs, retryPolicy } from '../contract/retry-policy.ts';
import type { ErrorRecord, FailureKind, WaitingFor } from '../contract/run.ts';
import type { LookUp, LookUpFunction, StepCall, StepOptions, UndoOptions } from '../contract/step.ts';
import { encodeJson } from '../journal/codec.ts';
import { fieldOf } from '../journal/identity.ts';
import type { ClaimedRun } from '../journal/journal.ts';
import type { RejectedRecord, StepRecord } from '../journal/step-record.ts';
import { type ObservedCall, observedOutcome } from '../observe/run-observer.ts';
import type { AttemptOutcome, CallIdentity, GiveUpReason } from './attempt.ts';
import type { DriveEnd, ExecutionDeps } from './execution.ts';
import { afterFailure, type Failed, intentOf, type Standing, standingOf } from './step-progress.ts';

/** How a step, a wait or an undo stands after it was run. */
export type StepEnd =
  | { readonly kind: 'completed'; readonly value: unknown }
  | { readonly kind: 'rejected'; readonly record: RejectedRecord }
  | { readonly kind: 'waits'; readonly waiting: WaitingFor }
  | { readonly kind: 'stopped'; readonly by: DriveEnd };

/** A step's effect, or its undo's. */
interface Effect {
  readonly field: string;
  readonly step: string;
  readonly undo: boolean;
  readonly run: (call: StepCall) => Promise<unknown>;
  readonly whenInDoubt: 'repeat' | 'halt' | LookUpFunction<unknown>;
  readonly keyLifetimeMs: number;
  readonly afterKeyLifetime: 'halt' | LookUpFunction<unknown>;
  readonly retry: RetryPolicyMs;
  readonly timeoutMs: number;
}

/** Where an effect stands, and until when it must not be tried. */
interface Start extends Standing {
  readonly notBefore: { readonly at: number; readonly wait: 'retry' | 'throttle' } | undefined;
}

/** Runs one attempt of one effect, resolving first what an earlier attempt left in doubt, and holds its record. */
export class StepRunner {
  readonly #run: ClaimedRun;
  readonly #deps: ExecutionDeps;

  constructor(run: ClaimedRun, deps: ExecutionDeps) {
    this.#run = run;
    this.#deps = deps;
  }

  /** @param mayHaveStarted true when the effect may have been started although there is no record of it */
  run(name: string, options: StepOptions<unknown>, mayHaveStarted: boolean): Promise<StepEnd> {
    const effect = effectOf(name, options);
    return this.#attempt(effect, this.#start(effect, mayHaveStarted));
  }

  /** An undo must be safe to repeat: its provider honours the key, or undoing twice is undoing once. */
  undo(name: string, options: UndoOptions<unknown>, result: unknown): Promise<StepEnd> {
    const { undo } = options;
    if (!undo) throw new Error(`step "${name}" has no undo`);
    const effect: Effect = {
      field: fieldOf('undo', name),
      step: name,
      undo: true,
      run: (call) => undo(result, call),
      whenInDoubt: 'repeat',
      keyLifetimeMs: Number.POSITIVE_INFINITY,
      afterKeyLifetime: 'halt',
      retry: retryPolicy(options.retry),
      timeoutMs: toMs(options.timeout ?? '30s'),
    };
    return this.#attempt(effect, this.#start(effect, false));
  }

  /**
   * Finds out whether an effect in doubt happened, before what was done is undone. An effect that may be repeated is repeated,
   * so that there is something definite to undo; one that can be looked up is never run again.
   */
  async resolve(name: string, options: StepOptions<unknown>, mayHaveStarted: boolean): Promise<StepEnd> {
    const effect = effectOf(name, options);
    const start = this.#start(effect, mayHaveStarted);
    const inDoubt = this.#whenInDoubt(effect, start);
    if (typeof inDoubt !== 'function') return this.#attempt(effect, start);
    return (await this.#lookUp(effect, start, inDoubt)) ?? this.#didNotHappen(effect, start);
  }

  #start(effect: Effect, mayHaveStarted: boolean): Start {
    const { writer } = this.#deps;
    const record = attempted(writer.records.get(effect.field));
    const fresh = { seq: record?.seq ?? writer.nextSeq(), startedAt: writer.now() };
    const standing = standingOf(record, this.#run.redrives, fresh);
    const waits = record?.kind === 'retrying' && record.budget.redrive === this.#run.redrives;
    const start = { ...standing, notBefore: waits ? { at: record.retryAt, wait: record.wait } : undefined };
    if (record || !mayHaveStarted) return start;
    return { ...start, inDoubt: true, startedAt: this.#run.lastChangeAt };
  }

  /** What the effect's options say, given how long ago its key was first sent. */
  #whenInDoubt(effect: Effect, start: Start): Effect['whenInDoubt'] {
    const forgotten = this.#deps.writer.now() - start.startedAt > effect.keyLifetimeMs;
    return effect.whenInDoubt === 'repeat' && forgotten ? effect.afterKeyLifetime : effect.whenInDoubt;
  }

  async #attempt(effect: Effect, begun: Start): Promise<StepEnd> {
    const { writer } = this.#deps;
    const { notBefore } = begun;
    let start = begun;
    if (notBefore && notBefore.at > writer.now()) {
      return waits({ kind: notBefore.wait, step: effect.step, until: notBefore.at });
    }
    if (start.inDoubt) {
      const whenInDoubt = this.#whenInDoubt(effect, start);
      if (whenInDoubt === 'halt') return this.#halted(effect);
      if (typeof whenInDoubt === 'function') {
        const found = await this.#lookUp(effect, start, whenInDoubt);
        if (found) return found;
        start = { ...start, inDoubt: false };
      }
    }
    if (this.#deps.draining()) return stopped({ kind: 'handed_back', cutOff: false });

    const before = writer.records.get(effect.field);
    if (effect.whenInDoubt !== 'repeat') writer.hold(effect.field, intentOf(start));
    const written = await writer.flush();
    if (written === 'stale_owner') return stopped({ kind: 'lost' });
    if (written === 'cancel_requested' && !this.#run.compensation) {
      writer.takeBack(effect.field, before);
      return stopped({ kind: 'cancelled' });
    }

    const identity = this.#identity(effect, start, start.attempts + 1);
    const calledAt = writer.now();
    const outcome = await this.#call(effect.undo ? 'undo' : 'run', identity, effect, effect.run);
    if (outcome.kind === 'abandoned') return abandoned(outcome.because);
    if (outcome.kind === 'ok') return this.#completed(effect, start, start.attempts + 1, outcome.value);
    return this.#failed(effect, start, outcome, calledAt);
  }

  /** @returns undefined when the effect did not happen. */
  async #lookUp(effect: Effect, start: Start, find: LookUpFunction<unknown>): Promise<StepEnd | undefined> {
    if (this.#deps.draining()) return stopped({ kind: 'handed_back', cutOff: false });
    if ((await this.#deps.writer.flush()) === 'stale_owner') return stopped({ kind: 'lost' });
    const attempts = Math.max(1, start.attempts);
    const calledAt = this.#deps.writer.now();
    const looked = await this.#call('look_up', this.#identity(effect, start, attempts), effect, find);
    if (looked.kind === 'abandoned') return abandoned(looked.because);
    if (looked.kind === 'ok') {
      if (looked.value.outcome === 'none') return undefined;
      if (looked.value.outcome === 'found') {
        return this.#completed(effect, start, attempts, looked.value.result);
      }
    }
    return this.#failed(
      effect,
      { ...start, attempts: attempts - 1 },
      stillInDoubt(effect.step, looked),
      calledAt,
    );
  }

  async #call<T>(
    what: ObservedCall['what'],
    identity: CallIdentity,
    { step, timeoutMs }: Effect,
    fn: (call: StepCall) => Promise<T>,
  ): Promise<AttemptOutcome<T>> {
    const { calls, observer } = this.#deps;
    if (!observer.called) return calls.make(identity, timeoutMs, fn);
    const from = performance.now();
    const made = await calls.make(identity, timeoutMs, fn);
    const outcome = observedOutcome(made);
    const { flow } = this.#run;
    if (outcome) observer.called({ flow, step, what, outcome, durationMs: performance.now() - from });
    return made;
  }

  #completed(effect: Effect, start: Start, attempts: number, value: unknown): StepEnd {
    const { writer } = this.#deps;
    try {
      const what = `the result of step "${effect.step}"`;
      const json = effect.undo ? undefined : encodeJson(value, what);
      checkSize(json, LIMITS.resultBytes, 'result_too_large', what);
      const result: unknown = json === undefined ? undefined : JSON.parse(json);
      const ended = { seq: writer.nextSeq(), attempts, startedAt: start.startedAt, finishedAt: writer.now() };
      writer.hold(effect.field, { kind: 'completed', ...ended, result }, json);
      writer.flushSoon();
      return { kind: 'completed', value: result };
    } catch (error) {
      return this.#failed(effect, start, { kind: 'bug', error }, writer.now());
    }
  }

  #failed(effect: Effect, start: Start, failed: Failed, calledAt: number): StepEnd {
    const { writer, random, retryScale } = this.#deps;
    const at = { now: writer.now(), random, scale: retryScale };
    const halts = this.#whenInDoubt(effect, start) === 'halt';
    const next = afterFailure(start, failed, effect.retry, halts, at);
    writer.noteFailure({
      ...{ kind: 'attempt_failed', at: at.now, startedAt: calledAt, step: effect.step, undo: effect.undo },
      ...{ attempt: start.attempts + 1, ...(next.kind === 'wait' && { until: next.record.retryAt }) },
      ...(failed.kind === 'retryable' && failed.unsent && { unsent: true }),
      error: shortError(next.record.error),
    });
    if (next.kind === 'reject') {
      const record = { ...next.record, seq: writer.nextSeq() };
      writer.hold(effect.field, record);
      if (!effect.undo) writer.flushSoon();
      return { kind: 'rejected', record };
    }
    writer.hold(effect.field, next.record);
    if (next.kind === 'die') return dies(effect, next.as, next.record.error);
    return waits({ kind: next.record.wait, step: effect.step, until: next.record.retryAt });
  }

  #didNotHappen(effect: Effect, start: Start): StepEnd {
    const { writer } = this.#deps;
    const message = `step "${effect.step}" was in doubt; the provider knows nothing of it`;
    const record: RejectedRecord = {
      ...{ kind: 'rejected', seq: writer.nextSeq(), attempts: start.attempts, startedAt: start.startedAt },
      ...{ finishedAt: writer.now(), error: { code: 'did_not_happen', message } },
    };
    writer.hold(effect.field, record);
    return { kind: 'rejected', record };
  }

  #halted(effect: Effect): StepEnd {
    const message = `step "${effect.step}" was started and its outcome is not known; find out whether it happened, then resolve it`;
    return dies(effect, 'in_doubt', { code: 'step_in_doubt', message });
  }

  #identity(effect: Effect, start: Start, attempt: number): CallIdentity {
    const { runId, generation } = this.#run;
    const { step, undo } = effect;
    const { keyAttempt, startedAt } = start;
    return { runId, generation, step, undo, attempt, startedAt, keyAttempt };
  }
}

/** @throws Error for a record that no attempt can follow */
function attempted(record: StepRecord | undefined): Parameters<typeof standingOf>[0] {
  if (record?.kind === 'completed' || record?.kind === 'waiting') {
    throw new Error(`a step's record says "${record.kind}", so it cannot be attempted`);
  }
  return record;
}

function effectOf(step: string, options: StepOptions<unknown>): Effect {
  return {
    field: fieldOf('step', step),
    step,
    undo: false,
    run: options.run,
    whenInDoubt: ruleOf(step, options, options.whenInDoubt),
    keyLifetimeMs: toMs(options.keyLifetime ?? '24h'),
    afterKeyLifetime: ruleOf(step, options, options.afterKeyLifetime),
    retry: retryPolicy(options.retry),
    timeoutMs: toMs(options.timeout ?? '30s'),
  };
}

/** What an option about doubts comes to, its defaults and short forms resolved. @throws TypeError for a look-up that is not there */
function ruleOf<Rule extends Effect['whenInDoubt']>(
  step: string,
  { find }: StepOptions<unknown>,
  rule: Rule | 'find' | undefined,
): Rule | 'halt' | LookUpFunction<unknown> {
  if (rule !== undefined && rule !== 'find') return rule;
  if (rule === 'find' && !find)
    throw new TypeError(`step "${step}" says whenInDoubt: 'find' and has no \`find\``);
  return find ?? 'halt';
}

/** A look-up that did not say found or none leaves the effect in doubt; it is tried again like the step. */
function stillInDoubt(
  step: string,
  looked: Exclude<AttemptOutcome<LookUp<unknown>>, { kind: 'abandoned' }>,
): Exclude<Failed, { kind: 'rejected' }> {
  if (looked.kind === 'retryable') return { ...looked, inDoubt: true, unsent: false };
  if (looked.kind === 'bug') return looked;
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

function dies(effect: Effect, kind: FailureKind, error: ErrorRecord): StepEnd {
  const undone = effect.undo && kind !== 'bug' ? 'compensation_failed' : kind;
  return stopped({ kind: 'dies', failure: { ...error, kind: undone, step: effect.step } });
}

export function waits(waiting: WaitingFor): StepEnd {
  return { kind: 'waits', waiting };
}

function abandoned(because: GiveUpReason): StepEnd {
  return stopped(because === 'worker_stops' ? { kind: 'handed_back', cutOff: true } : { kind: 'lost' });
}

export function stopped(by: DriveEnd): StepEnd {
  return { kind: 'stopped', by };
}
