import type { AttemptOutcome, CallIdentity, GiveUpReason } from './attempt.ts';
import { toMs } from './duration.ts';
import type { toErrorRecord } from './error-codec.ts';
import { InDoubtError } from './errors.ts';
import type { DriveEnd, ExecutionDeps } from './execution.ts';
import { encodeJson } from './journal/codec.ts';
import type { ClaimedRun } from './journal/journal.ts';
import type { RecordKind, StepRecord } from './journal/step-record.ts';
import { retryPolicy } from './retry-policy.ts';
import type { FailureKind, WaitingFor } from './run.ts';
import type { LookUp, StepCall, StepOptions } from './step.ts';
import { afterFailure, type Failed, intentOf, type Standing, standingOf } from './step-progress.ts';

/** How running a step ended, for now. */
export type StepEnd =
  | { readonly is: 'completed'; readonly value: unknown }
  | { readonly is: 'rejected'; readonly record: Extract<StepRecord, { is: 'rejected' }> }
  | { readonly is: 'waits'; readonly waiting: WaitingFor }
  | { readonly is: 'stopped'; readonly by: DriveEnd };

type OpenRecord = Exclude<StepRecord, { is: 'completed' | 'rejected' }>;

/** A run that was woken early waits on. */
type NotBefore = { readonly at: number; readonly wait: 'retry' | 'throttle' } | undefined;

/** One kind of effect: a step, or a step's undo. */
interface Effect {
  readonly kind: RecordKind;
  readonly step: string;
  readonly run: (call: StepCall) => Promise<unknown>;
  readonly whenInDoubt: NonNullable<StepOptions<unknown>['whenInDoubt']>;
  readonly retry: StepOptions<unknown>['retry'];
  readonly timeoutMs: number;
}

/** Runs one attempt of one effect, resolving first what an earlier attempt left in doubt, and holds its record. */
export class StepRunner {
  readonly #run: ClaimedRun;
  readonly #deps: ExecutionDeps;

  constructor(run: ClaimedRun, deps: ExecutionDeps) {
    this.#run = run;
    this.#deps = deps;
  }

  run(name: string, options: StepOptions<unknown>, record: OpenRecord | undefined): Promise<StepEnd> {
    return this.#attempt(effectOf(name, options), this.#standing(record));
  }

  /** An undo must be safe to repeat: its provider honours the key, or undoing twice is undoing once. */
  async undo(
    name: string,
    options: StepOptions<unknown>,
    result: unknown,
    record: StepRecord | undefined,
  ): Promise<StepEnd> {
    const { undo } = options;
    if (!undo) throw new Error(`step "${name}" has no undo`);
    const effect: Effect = {
      ...effectOf(name, options),
      kind: 'undo',
      run: (call) => undo(result, call),
      whenInDoubt: 'repeat',
    };
    return this.#attempt(effect, this.#standing(record?.is === 'completed' ? undefined : record));
  }

  /**
   * Finds out whether an effect in doubt happened, before what was done is undone. An effect that may be repeated is repeated,
   * so that there is something definite to undo; one that can be looked up is never run again.
   */
  async resolve(
    name: string,
    options: StepOptions<unknown>,
    record: OpenRecord | undefined,
  ): Promise<StepEnd> {
    const effect = effectOf(name, options);
    const standing = this.#standing(record);
    if (typeof effect.whenInDoubt === 'function') {
      return (
        (await this.#lookUp(effect, standing, effect.whenInDoubt)) ?? this.#didNotHappen(effect, standing)
      );
    }
    return this.#attempt(effect, standing);
  }

  #standing(
    record: Exclude<StepRecord, { is: 'completed' }> | undefined,
  ): Standing & { readonly notBefore: NotBefore } {
    const fresh = { seq: record?.seq ?? this.#deps.writer.nextSeq(), startedAt: this.#deps.writer.now() };
    const standing = standingOf(record, this.#run.redrives, fresh);
    const waits = record?.is === 'retrying' && record.budget.redrive === this.#run.redrives;
    return { ...standing, notBefore: waits ? { at: record.retryAt, wait: record.wait } : undefined };
  }

  async #attempt(effect: Effect, standing: Standing & { readonly notBefore: NotBefore }): Promise<StepEnd> {
    const { writer } = this.#deps;
    const { notBefore } = standing;
    if (notBefore && notBefore.at > writer.now())
      return waits({ kind: notBefore.wait, step: effect.step, until: notBefore.at });
    if (standing.inDoubt && effect.whenInDoubt === 'halt') return this.#halted(effect);
    if (standing.inDoubt && typeof effect.whenInDoubt === 'function') {
      const found = await this.#lookUp(effect, standing, effect.whenInDoubt);
      if (found) return found;
    }
    if (this.#deps.draining()) return stopped({ end: 'handed_back', cutOff: false });

    const before = writer.records.get(effect.step);
    if (effect.kind === 'step' && effect.whenInDoubt !== 'repeat')
      writer.hold('step', effect.step, intentOf(standing));
    const written = await writer.flush();
    if (written === 'stale_owner') return stopped({ end: 'lost' });
    if (written === 'cancel_requested' && !this.#run.compensation) {
      writer.takeBack(effect.step, before);
      return stopped({ end: 'cancelled' });
    }

    const outcome = await this.#deps.calls.make(
      this.#identity(effect, standing),
      effect.timeoutMs,
      effect.run,
    );
    if (outcome.is === 'abandoned') return abandoned(outcome.because);
    if (outcome.is === 'ok') return this.#completed(effect, standing, standing.attempts + 1, outcome.value);
    return this.#failed(effect, standing, outcome);
  }

  /** @returns undefined when the effect did not happen. */
  async #lookUp(
    effect: Effect,
    standing: Standing,
    find: (call: StepCall) => Promise<LookUp<unknown>>,
  ): Promise<StepEnd | undefined> {
    if (this.#deps.draining()) return stopped({ end: 'handed_back', cutOff: false });
    if ((await this.#deps.writer.flush()) === 'stale_owner') return stopped({ end: 'lost' });
    const identity = { ...this.#identity(effect, standing), attempt: Math.max(1, standing.attempts) };
    const looked = await this.#deps.calls.make(identity, effect.timeoutMs, find);
    if (looked.is === 'abandoned') return abandoned(looked.because);
    if (looked.is === 'ok') {
      if (looked.value.outcome === 'none') return undefined;
      if (looked.value.outcome === 'found')
        return this.#completed(effect, standing, standing.attempts, looked.value.result);
    }
    return this.#failed(
      effect,
      { ...standing, attempts: standing.attempts - 1 },
      stillInDoubt(effect.step, looked),
    );
  }

  #completed(effect: Effect, standing: Standing, attempts: number, value: unknown): StepEnd {
    const { kind, step } = effect;
    const { writer } = this.#deps;
    let json: string | undefined;
    try {
      json = kind === 'undo' ? undefined : encodeJson(value, `the result of step "${step}"`);
    } catch (error) {
      return this.#failed(effect, standing, { is: 'bug', error });
    }
    const result: unknown = json === undefined ? undefined : JSON.parse(json);
    const { seq, startedAt } = standing;
    writer.hold(
      kind,
      step,
      { is: 'completed', seq, attempts, startedAt, finishedAt: writer.now(), result },
      json,
    );
    writer.flushSoon();
    return { is: 'completed', value: result };
  }

  #failed(effect: Effect, standing: Standing, failed: Failed): StepEnd {
    const { writer, random, retryScale } = this.#deps;
    const at = { now: writer.now(), random, scale: retryScale };
    const next = afterFailure(standing, failed, retryPolicy(effect.retry), effect.whenInDoubt === 'halt', at);
    writer.hold(effect.kind, effect.step, next.record);
    switch (next.move) {
      case 'reject':
        writer.flushSoon();
        return { is: 'rejected', record: next.record };
      case 'wait':
        return waits({ kind: next.record.wait, step: effect.step, until: next.record.retryAt });
      case 'die':
        return this.#dies(effect, next.kind, next.record.error);
    }
  }

  #didNotHappen(effect: Effect, standing: Standing): StepEnd {
    const { writer } = this.#deps;
    const { seq, startedAt, attempts } = standing;
    const message = `step "${effect.step}" was in doubt; the provider knows nothing of it`;
    const error = { code: 'did_not_happen', message };
    const record = { is: 'rejected', seq, attempts, startedAt, finishedAt: writer.now(), error } as const;
    writer.hold('step', effect.step, record);
    return { is: 'rejected', record };
  }

  #halted(effect: Effect): StepEnd {
    const message = `step "${effect.step}" was started and its outcome is not known; find out whether it happened, then resolve it`;
    return this.#dies(effect, 'in_doubt', { code: 'step_in_doubt', message });
  }

  #dies(effect: Effect, kind: FailureKind, error: ReturnType<typeof toErrorRecord>): StepEnd {
    const undoing = effect.kind === 'undo';
    return stopped({
      end: 'dies',
      failure: {
        ...error,
        kind: undoing && kind !== 'bug' ? 'compensation_failed' : kind,
        step: effect.step,
      },
    });
  }

  #identity(effect: Effect, standing: Standing): CallIdentity {
    return {
      runId: this.#run.runId,
      generation: this.#run.generation,
      step: effect.step,
      undo: effect.kind === 'undo',
      attempt: standing.attempts + 1,
      keyAttempt: standing.keyAttempt,
    };
  }
}

function effectOf(step: string, options: StepOptions<unknown>): Effect {
  return {
    kind: 'step',
    step,
    run: options.run,
    whenInDoubt: options.whenInDoubt ?? 'halt',
    retry: options.retry,
    timeoutMs: toMs(options.timeout ?? '30s'),
  };
}

/** A look-up that did not say found or none leaves the effect in doubt; it is tried again like the step. */
function stillInDoubt(
  step: string,
  looked: Exclude<AttemptOutcome<LookUp<unknown>>, { is: 'abandoned' }>,
): Exclude<Failed, { is: 'rejected' }> {
  if (looked.is === 'retryable') return { ...looked, inDoubt: true };
  if (looked.is === 'bug') return looked;
  const [reason, cause] =
    looked.is === 'rejected'
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
  return { is: 'retryable', wait: 'retry', inDoubt: true, error, retryAfterMs: undefined };
}

function waits(waiting: WaitingFor): StepEnd {
  return { is: 'waits', waiting };
}

function abandoned(because: GiveUpReason): StepEnd {
  return stopped(because === 'worker_stops' ? { end: 'handed_back', cutOff: true } : { end: 'lost' });
}

function stopped(by: DriveEnd): StepEnd {
  return { is: 'stopped', by };
}
