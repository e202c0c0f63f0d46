import type { FlowContext } from '../contract/define-flow.ts';
import { type DurationInput, toMs } from '../contract/duration.ts';
import type { RejectedError } from '../contract/errors.ts';
import { fallBack } from '../contract/fallback.ts';
import { LIMITS } from '../contract/limits.ts';
import type { Log } from '../contract/log.ts';
import type { Failure, WaitingFor } from '../contract/run.ts';
import type { SetOptions, State, StateCondition } from '../contract/state.ts';
import type {
  Callback,
  CallbackOptions,
  ChildOptions,
  OptionalStepOptions,
  StepOptions,
  UndoOptions,
  WaitOptions,
} from '../contract/step.ts';
import {
  callbackSignal,
  fieldOf,
  isEffectField,
  nthCallback,
  parseField,
  type RecordKind,
  referenceFieldOf,
  sleepName,
  stateFieldOf,
  waitFieldOf,
} from '../journal/identity.ts';
import type { ClaimedRun, Journal } from '../journal/journal.ts';
import { type FinalRecord, isFinal, type RejectedRecord } from '../journal/step-record.ts';
import type { RunObserver } from '../observe/run-observer.ts';
import type { RunSpan } from '../observe/spans.ts';
import type { Correlations } from '../queue/correlations.ts';
import type { Calls } from './attempt.ts';
import { Delivery } from './delivery.ts';
import { Draws } from './draws.ts';
import { Emitter } from './emitter.ts';
import { rejectionIn, toErrorRecord, toRejectedError } from './error-codec.ts';
import type { RunWriter } from './run-writer.ts';
import { StateAccess, type StatePlace, type StateRead } from './state-access.ts';
import { type StepEnd, StepRunner } from './step-runner.ts';
import { type CallbackMade, type CallbackPlace, type ChildRuns, Waits } from './waits.ts';

/** How a drive through the flow's function ended. */
export type DriveEnd =
  | { readonly kind: 'returned'; readonly output: unknown }
  | { readonly kind: 'rejected'; readonly failure: Failure }
  | { readonly kind: 'waits'; readonly waiting: WaitingFor; readonly delayMs: number }
  | { readonly kind: 'dies'; readonly failure: Failure }
  /** A cancel was asked for. */
  | { readonly kind: 'cancelled' }
  /** Replay alone: all that the journal has was played back. */
  | { readonly kind: 'replayed' }
  /** The worker stops: another one goes on. */
  | { readonly kind: 'handed_back' }
  /** Another worker owns the run. */
  | { readonly kind: 'lost' };

/** Something with an effect that the flow has reached in this drive, and how to deal with it in a compensation. */
export interface Reached {
  readonly field: string;
  readonly name: string;
  readonly options: UndoOptions<unknown>;
  /** Redis may have forgotten that it was started; undefined when it cannot have. */
  readonly forgot: ClaimedRun['forgot'];
  /**
   * Finds out how an effect ended that may still be under way, and has it end.
   * @returns undefined when it is left as it is
   */
  readonly settle: (runner: StepRunner) => Promise<StepEnd | undefined>;
}

export interface ExecutionDeps {
  readonly writer: RunWriter;
  readonly calls: Calls;
  readonly observer: RunObserver;
  /** Absent in a replay, which makes no calls. */
  readonly span?: RunSpan;
  readonly children: ChildRuns;
  readonly callbacks: CallbackPlace;
  readonly correlations: Correlations;
  readonly state: StatePlace;
  readonly events: Pick<Journal, 'emitEvent'>;
  readonly log: Log;
  readonly random: () => number;
  readonly retryScale: number;
  /** True once the worker stops: no new effect starts. */
  readonly draining: () => boolean;
}

/** One thing that the flow asks for and that the journal keeps. */
interface Command {
  readonly field: string;
  readonly name: string;
  readonly perform: () => Promise<StepEnd>;
}

/**
 * One drive of a flow's function over its run's journal: recorded outcomes are played back in their order, what has none is run and
 * recorded. What cannot end now never settles; the drive ends once nothing is under way any more.
 */
export class Execution implements FlowContext {
  readonly runId: string;
  readonly log: Log;
  readonly reached = new Map<string, Reached>();
  readonly #run: ClaimedRun;
  readonly #deps: ExecutionDeps;
  readonly #runner: StepRunner;
  readonly #waitRunner: Waits;
  readonly #stateAccess: StateAccess;
  readonly #emitter: Emitter;
  /** Events that the flow has raised, by their fields. */
  readonly #emitted = new Map<string, Promise<void>>();
  /** What the run knows of values of the state, as far as it has read or changed them. */
  readonly #known = new Map<string, StateCondition>();
  /** `forward` runs what is not recorded; `replay` stops there. */
  readonly #mode: 'forward' | 'replay';
  readonly #delivery: Delivery;
  /** What the journal says is not over, and the flow has not come to yet in this drive. */
  readonly #awaited: Set<string>;
  /** Of all that is recorded or under way. */
  readonly #fields: Set<string>;
  /** Where names were used; kept by a replay only, since a stack costs more than all else in a step. */
  readonly #places = new Map<string, Error>();
  readonly #counts = new Map<string, number>();
  /** References that the flow has registered, by their fields. */
  readonly #references = new Map<string, Promise<void>>();
  readonly #draws: Draws;
  readonly #rejectedBy = new WeakMap<Error, string>();
  #now: number;
  #underWay = 0;
  /** The flow has gone past something that cannot have been over before Redis was seen to have lost writes. */
  #passedPresent = false;
  /** The drive is over: whatever the flow still asks for never settles. */
  #sealed = false;
  #straySeen = false;
  #settled: DriveEnd | undefined;
  #stopped: DriveEnd | undefined;
  #waits: WaitingFor[] = [];
  #atFrontier = false;
  #resolveEnd: (end: DriveEnd) => void = () => {};

  constructor(run: ClaimedRun, mode: 'forward' | 'replay', deps: ExecutionDeps) {
    this.runId = run.runId;
    this.#run = run;
    this.#mode = mode;
    this.#deps = deps;
    this.#now = run.createdAt;
    this.#draws = new Draws(`${run.runId}:${run.generation}`);
    this.#runner = new StepRunner(run, deps);
    this.#waitRunner = new Waits(run, deps);
    this.#stateAccess = new StateAccess(run, deps);
    this.#emitter = new Emitter(run, deps);
    this.#awaited = new Set(openFields(deps.writer));
    this.#fields = new Set(deps.writer.records.keys());
    this.#delivery = new Delivery(endsInOrder(deps.writer), {
      stuck: (missing) => this.#diverged(missing),
      late: (field) => this.#cameLate(field),
    });
    this.log = silentWhile(() => !this.#delivery.over || this.#mode === 'replay', deps.log, {
      run: run.runId,
      flow: run.flow,
    });
  }

  /** Runs the flow's function until it returns, throws, or has to stop. */
  drive(flow: (ctx: FlowContext, input: unknown) => unknown): Promise<DriveEnd> {
    const ended = new Promise<DriveEnd>((resolve) => {
      this.#resolveEnd = resolve;
    });
    void this.#callFlow(flow).then((settled) => {
      this.#settled = settled;
      if (this.#underWay > 0) return;
      // branches that the flow did not wait for are played back too: there may be something in them to undo
      if (settled.kind === 'dies' || this.#delivery.over) this.#end();
      else void this.#delivery.whenOver().then(() => this.#endWhenStill());
    });
    return ended;
  }

  async #callFlow(flow: (ctx: FlowContext, input: unknown) => unknown): Promise<DriveEnd> {
    try {
      const output = await flow(this, this.#run.input);
      return { kind: 'returned', output };
    } catch (error) {
      const rejection = rejectionIn(error);
      if (!rejection) return { kind: 'dies', failure: { ...toErrorRecord(error), kind: 'bug' } };
      const step = this.#rejectedBy.get(rejection);
      return {
        kind: 'rejected',
        failure: { ...toErrorRecord(rejection), kind: 'rejected', ...(step && { step }) },
      };
    }
  }

  step<T>(name: string, options: StepOptions<T>): Promise<T>;
  step<T>(name: string, options: OptionalStepOptions<T>): Promise<T | undefined>;
  step<T>(name: string, options: StepOptions<T> | OptionalStepOptions<T>): Promise<T> {
    this.#checkOutside(`step "${name}"`);
    if (this.#sealed) return this.#stray(`step "${name}"`);
    const untyped = options as StepOptions<unknown>;
    const field = fieldOf('step', name);
    const misuse = this.#misuse('step', field, name);
    if (misuse) return this.#stop({ kind: 'dies', failure: misuse });
    const forgot = this.#mayHaveForgotten();
    this.reached.set(field, {
      ...{ field, name, options: untyped, forgot },
      settle: (runner) => runner.settle(name, untyped),
    });
    return this.#command<T>({ field, name, perform: () => this.#runner.run(name, untyped, forgot) });
  }

  fallback<T>(name: string, candidates: readonly StepOptions<T>[]): Promise<T> {
    const tried = fallBack(this, name, candidates);
    tried.catch(() => {}); // a flow may look at it later, or not at all
    return tried;
  }

  /** True when the flow has come to every effect that the journal knows of, and none may be missing there. */
  cameToAllEffects(): boolean {
    const effects = [...this.#deps.writer.records.keys()].filter(isEffectField);
    return this.#mayHaveForgotten() === undefined && effects.every((field) => this.reached.has(field));
  }

  sleep(duration: DurationInput): Promise<void> {
    const name = sleepName(this.#count('sleep'));
    this.#checkOutside(name);
    if (this.#sealed) return this.#stray(name);
    const field = fieldOf('timer', name);
    return this.#command({
      field,
      name,
      perform: async () => this.#waitRunner.sleep(field, name, toMs(duration)),
    });
  }

  waitFor<T = unknown>(name: string, options: WaitOptions<T> = {}): Promise<T> {
    this.#checkOutside(`the wait for signal "${name}"`);
    if (this.#sealed) return this.#stray(`the wait for signal "${name}"`);
    const field = waitFieldOf(name, this.#count(`wait ${name}`));
    return this.#command<T>({
      field,
      name,
      perform: async () => this.#waitRunner.waitFor(field, name, options),
    });
  }

  async callback<T = unknown>(name: string, options: CallbackOptions<T> = {}): Promise<Callback<T>> {
    this.#checkOutside(`callback "${name}"`);
    if (this.#sealed) return this.#stray(`callback "${name}"`);
    const callback = nthCallback(name, this.#count(`callback ${name}`));
    const field = fieldOf('callback', callback);
    const made = await this.#command<CallbackMade>({
      field,
      name,
      perform: () => this.#waitRunner.callback(field, name, callback, options),
    });
    const { runId, generation } = this.#run;
    const id = this.#deps.callbacks.ids.idOf({ runId, generation, callback });
    let waiting: Promise<T> | undefined;
    return {
      id,
      url: `${made.publicUrl}/v1/callbacks/${id}`,
      wait: () => {
        waiting ??= this.#awaitCallback(name, callback, made, options);
        return waiting;
      },
    };
  }

  emit(name: string, data?: unknown): Promise<void> {
    const what = `event "${name}"`;
    this.#checkOutside(what);
    if (this.#sealed) return this.#stray(what);
    const field = fieldOf('event', name);
    const emitted =
      this.#emitted.get(field) ??
      this.#command<void>({ field, name, perform: () => this.#emitter.emit(field, name, data) });
    this.#emitted.set(field, emitted);
    return emitted;
  }

  correlate(kind: string, id: string): Promise<void> {
    const what = `correlate(${JSON.stringify(kind)}, …)`;
    this.#checkOutside(what);
    if (this.#sealed) return this.#stray(what);
    const field = referenceFieldOf(kind, id);
    const registered =
      this.#references.get(field) ??
      this.#command<void>({
        field,
        name: `${kind}:${id}`,
        perform: () => this.#waitRunner.correlate(field, [kind, id]),
      });
    this.#references.set(field, registered);
    return registered;
  }

  state<T = unknown>(name: string): State<T> {
    return {
      get: () => this.#getState<T>(name),
      set: (value, options = {}) => this.#setState(name, value, options),
    };
  }

  async #getState<T>(name: string): Promise<T | undefined> {
    this.#checkOutside(`state "${name}"`);
    if (this.#sealed) return this.#stray(`state "${name}"`);
    const field = stateFieldOf('get', name, this.#count(`get ${name}`));
    const perform = () => this.#stateAccess.get(field, name);
    const read = await this.#command<StateRead>({ field, name, perform });
    this.#known.set(name, read.revision === undefined ? 'absent' : [read.revision]);
    try {
      return this.#stateAccess.valueOf(name, read) as T | undefined;
    } catch (error) {
      return this.#stop({ kind: 'dies', failure: { ...toErrorRecord(error), kind: 'misconfigured' } });
    }
  }

  async #setState(name: string, value: unknown, options: SetOptions): Promise<void> {
    this.#checkOutside(`state "${name}"`);
    if (this.#sealed) return this.#stray(`state "${name}"`);
    const field = stateFieldOf('set', name, this.#count(`set ${name}`));
    const perform = () => this.#stateAccess.set(field, name, value, this.#known.get(name) ?? 'any', options);
    await this.#command<void>({ field, name, perform });
    this.#known.set(name, [this.#stateAccess.revisionOf(field)]);
  }

  #awaitCallback<T>(
    name: string,
    callback: string,
    made: CallbackMade,
    options: CallbackOptions<T>,
  ): Promise<T> {
    this.#checkOutside(`the wait for callback "${name}"`);
    if (this.#sealed) return this.#stray(`the wait for callback "${name}"`);
    const field = fieldOf('wait', callbackSignal(callback));
    return this.#command<T>({
      field,
      name,
      perform: async () => this.#waitRunner.awaitCallback(field, callback, made, options),
    });
  }

  runChild<I, O = unknown>(name: string, options: ChildOptions<I, O>): Promise<O> {
    this.#checkOutside(`child run "${name}"`);
    if (this.#sealed) return this.#stray(`child run "${name}"`);
    const field = fieldOf('child', name);
    const misuse = this.#misuse('child', field, name);
    if (misuse) return this.#stop({ kind: 'dies', failure: misuse });
    this.reached.set(field, {
      ...{ field, name, options: options as UndoOptions<unknown>, forgot: this.#mayHaveForgotten() },
      settle: () => this.#waitRunner.stopChild(field, name, options),
    });
    return this.#command<O>({ field, name, perform: () => this.#waitRunner.runChild(field, name, options) });
  }

  /** What Redis may have forgotten of the run, as long as the flow has not passed what proves the present. */
  #mayHaveForgotten(): ClaimedRun['forgot'] {
    return this.#passedPresent ? undefined : this.#run.forgot;
  }

  now(): number {
    return this.#now;
  }

  random(): number {
    return this.#draws.random();
  }

  uuid(): string {
    return this.#draws.uuid();
  }

  #count(what: string): number {
    const count = (this.#counts.get(what) ?? 0) + 1;
    this.#counts.set(what, count);
    return count;
  }

  #command<T>(command: Command): Promise<T> {
    this.#awaited.delete(command.field);
    const record = this.#deps.writer.records.get(command.field);
    if (record && isFinal(record)) {
      return handled((resolve, reject) => {
        this.#delivery.reach(command.field, () => {
          this.#pass(command.field, record);
          if (record.kind === 'completed') resolve(record.result as T);
          else if (record.optional) resolve(undefined as T);
          else reject(this.#rejection(command.name, record));
        });
      });
    }
    if (this.#mode === 'replay') {
      this.#atFrontier = true;
      void this.#delivery.whenOver().then(() => this.#endWhenStill());
      return new Promise<never>(() => {});
    }
    return this.#perform<T>(command);
  }

  #perform<T>(command: Command): Promise<T> {
    this.#fields.add(command.field);
    this.#underWay += 1;
    return handled((resolve, reject) => {
      void this.#ended(command).then((ended) => {
        // first of all: a flow that returns now ends the drive in this turn, and its last record travels with the run's end
        this.#underWay -= 1;
        const record = this.#deps.writer.records.get(command.field);
        if (record && isFinal(record)) this.#pass(command.field, record);
        switch (ended.kind) {
          case 'completed':
            resolve(ended.value as T);
            break;
          case 'rejected':
            if (ended.record.optional) resolve(undefined as T);
            else reject(this.#rejection(command.name, ended.record));
            break;
          case 'waits':
            this.#waits.push(ended.waiting);
            break;
          case 'stopped':
            this.#stopped ??= ended.by;
            break;
        }
        if (this.#underWay === 0) this.#endWhenStill();
      });
    });
  }

  async #ended(command: Command): Promise<StepEnd> {
    const ended = await this.#performed(command).catch((error: unknown): StepEnd => {
      const failure: Failure = { ...toErrorRecord(error), kind: 'bug', step: command.name };
      return { kind: 'stopped', by: { kind: 'dies', failure } };
    });
    // what ends beside others is given to the flow in a turn of its own, as replay does
    if (this.#underWay > 1) await new Promise(setImmediate);
    return ended;
  }

  async #performed(command: Command): Promise<StepEnd> {
    if (!this.#delivery.over) await this.#delivery.whenOver();
    if (this.#awaited.size > 0 && !this.#deps.writer.records.has(command.field)) {
      // branches beside this one are about to come to what they had begun
      await new Promise(setImmediate);
      const failure = this.#forsaken(`the flow went to "${command.name}" instead`);
      if (failure) return { kind: 'stopped', by: { kind: 'dies', failure } };
    }
    // a branch that outlives the flow starts nothing more
    const over = this.#stopped ?? this.#settled;
    if (over) return { kind: 'stopped', by: over };
    if (this.#fields.size > LIMITS.records) {
      const message = `step "${command.name}" would be one record too many for its run; at most ${LIMITS.records} are kept. Use child runs for long loops`;
      const failure = { ...bug('too_many_steps', message), step: command.name };
      return { kind: 'stopped', by: { kind: 'dies', failure } };
    }
    return command.perform();
  }

  /** The flow goes past something that is over. */
  #pass(field: string, record: FinalRecord): void {
    this.#now = Math.max(this.#now, record.finishedAt);
    const { forgot } = this.#run;
    if (forgot && !this.#passedPresent) this.#passedPresent = provesPresent(field, record, forgot);
  }

  #rejection(step: string, record: RejectedRecord): RejectedError {
    const error = toRejectedError(record.error);
    this.#rejectedBy.set(error, step);
    return error;
  }

  /** A name that is used twice, or cannot be used. */
  #misuse(kind: RecordKind, field: string, name: string): Failure | undefined {
    if (this.reached.has(field)) {
      const places = `First ${placeOf(this.#places.get(field))}, again ${placeOf(new Error())}`;
      const message = `${kind} "${name}" is used twice in one run; in a loop, build the name. ${places}`;
      return { ...bug('step_name_reused', message), step: name };
    }
    if (this.#mode === 'replay') this.#places.set(field, new Error());
    if (/^[A-Za-z0-9_-]{1,100}$/.test(name)) return undefined;
    const message = `${kind} name ${JSON.stringify(name)}: use 1 to 100 letters, digits, "_" or "-"`;
    return { ...bug('step_name_invalid', message), step: name };
  }

  /** The flow went another way than the journal has it. */
  #diverged(missing: string): void {
    this.#stopped ??= { kind: 'dies', failure: incompatible(missing, 'the flow went another way') };
    this.#end();
  }

  /** The flow was driven by something that the journal does not order, so that no two replays need be the same. */
  #cameLate(field: string): 'end' | 'go_on' {
    // a replay only finds out what there is to undo
    if (this.#mode === 'replay') return 'go_on';
    const { kind, name } = parseField(field) ?? { kind: 'step', name: field };
    const message = `the flow came to ${kind} "${name}" after awaiting something that is not of ctx; do such work in a step, then redrive`;
    this.#stopped ??= { kind: 'dies', failure: { ...bug('awaits_outside_ctx', message), step: name } };
    this.#end();
    return 'end';
  }

  /** @throws TypeError a bug of the flow: what a step's function asks for would be missing when the step is replayed from its record */
  #checkOutside(what: string): void {
    const { calling } = this.#deps.calls;
    if (calling === undefined) return;
    const message = `${what} was started inside step "${calling}"; a step does one effect and returns: start it in the flow's run(ctx), after that step`;
    throw Object.assign(new TypeError(message), { code: 'ctx_inside_step' });
  }

  /** What the flow asks for once its drive is over never happens. */
  #stray(what: string): Promise<never> {
    if (!this.#straySeen) {
      this.#straySeen = true;
      this.#deps.log.warn(
        { run: this.runId, flow: this.#run.flow },
        `the flow reached ${what} after it had been suspended, so it was not started: it awaits something outside ctx; move that work into a step`,
      );
    }
    return new Promise<never>(() => {});
  }

  /** What calls this never settles. */
  #stop(by: DriveEnd): Promise<never> {
    this.#stopped ??= by;
    if (this.#underWay === 0) this.#endWhenStill();
    return new Promise<never>(() => {});
  }

  /** Gives the flow a turn to go on; ends the drive when it did not start anything. */
  #endWhenStill(): void {
    setImmediate(() => {
      if (this.#underWay > 0) return;
      if (this.#settled || this.#stopped || this.#waits.length > 0) this.#end();
      else if (this.#atFrontier && this.#delivery.over) this.#end();
    });
  }

  #end(): void {
    this.#sealed = true;
    this.#resolveEnd(
      this.#stopped ?? this.#forsakenEnd() ?? this.#settledEnd() ?? this.#waitEnd() ?? { kind: 'replayed' },
    );
  }

  #forsakenEnd(): DriveEnd | undefined {
    const failure =
      this.#settled?.kind === 'dies' ? undefined : this.#forsaken('the flow did not come to it again');
    return failure && { kind: 'dies', failure };
  }

  /** Something was begun, may have had its effect, and today's code knows nothing of it. */
  #forsaken(what: string): Failure | undefined {
    const [field] = this.#awaited;
    return field === undefined ? undefined : incompatible(field, what);
  }

  #settledEnd(): DriveEnd | undefined {
    const waiting = this.#waits[0];
    if (this.#settled?.kind !== 'returned' || !waiting) return this.#settled;
    const step = nameOf(waiting);
    const message = `the flow returned while "${step}" was not done; await everything that it starts`;
    return { kind: 'dies', failure: { ...bug('step_not_awaited', message), step } };
  }

  #waitEnd(): DriveEnd | undefined {
    if (this.#waits.length === 0) return undefined;
    const waiting = this.#waits.reduce((soonest, next) =>
      untilOf(next) < untilOf(soonest) ? next : soonest,
    );
    return { kind: 'waits', waiting, delayMs: parkMs(untilOf(waiting) - this.#deps.writer.now()) };
  }
}

/** A job can be delayed for so long; what waits longer is parked again. */
const MAX_PARK_MS = 365 * 24 * 60 * 60 * 1_000;

export function parkMs(ms: number): number {
  return Math.min(Math.max(0, Math.ceil(ms)), MAX_PARK_MS);
}

/** The fields of steps, timers and waits that are over, in the order in which they ended. */
function endsInOrder(writer: RunWriter): string[] {
  return [...writer.records]
    .filter(([field, record]) => isFinal(record) && parseField(field)?.kind !== 'undo')
    .sort(([, a], [, b]) => a.seq - b.seq)
    .map(([field]) => field);
}

/** The fields of steps, timers and waits that were begun and are not over. */
function openFields(writer: RunWriter): string[] {
  return [...writer.records].flatMap(([field, record]) =>
    isFinal(record) || parseField(field)?.kind === 'undo' ? [] : [field],
  );
}

/** Rejects without taking the worker down when the flow has not come to await it yet. */
function handled<T>(
  start: (resolve: (value: T) => void, reject: (reason: Error) => void) => void,
): Promise<T> {
  const promise = new Promise<T>(start);
  promise.catch(() => {});
  return promise;
}

/**
 * True for a timer, or a wait that timed out, whose end came only after Redis was seen to have lost writes, whatever it has forgotten. A
 * signal proves nothing: who sent it may send it again.
 */
function provesPresent(
  field: string,
  record: FinalRecord,
  { noticedAt, since }: NonNullable<ClaimedRun['forgot']>,
): boolean {
  const kind = parseField(field)?.kind;
  if ((kind !== 'timer' && kind !== 'wait') || record.signal !== undefined) return false;
  return Math.min(record.startedAt, since) + (record.finishedAt - record.startedAt) > noticedAt;
}

function untilOf(waiting: WaitingFor): number {
  return waiting.until ?? Number.POSITIVE_INFINITY;
}

function bug(code: string, message: string): Failure {
  return { kind: 'bug', code, message };
}

function incompatible(missing: string, what: string): Failure {
  const { kind, name } = parseField(missing) ?? { kind: 'step', name: missing };
  return {
    kind: 'incompatible_flow',
    code: 'incompatible_flow',
    message: `the journal goes on with ${kind} "${name}", but ${what}; register the changed flow as a new version beside the old one, then redrive`,
    step: name,
  };
}

function silentWhile(silent: () => boolean, log: Log, facts: object): Log {
  const when = (level: keyof Log) => (more: object, message: string) => {
    if (!silent()) log[level]({ ...facts, ...more }, message);
  };
  return { debug: when('debug'), info: when('info'), warn: when('warn'), error: when('error') };
}

/** The first line of a stack outside of this file. */
function placeOf(error: Error | undefined): string {
  const lines = error?.stack?.split('\n').slice(1) ?? [];
  const outside = lines.find((line) => !/[\\/]execution\.[jt]s/.test(line));
  return outside?.trim() ?? 'at an unknown place';
}

/** What a flow waits for, by the name that it gave it. */
function nameOf(waiting: WaitingFor): string {
  if ('step' in waiting) return waiting.step;
  return 'name' in waiting ? waiting.name : waiting.kind;
}
