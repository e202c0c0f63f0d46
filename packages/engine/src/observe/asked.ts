import type { FlowContext } from '../contract/define-flow.ts';
import type { DurationInput } from '../contract/duration.ts';
import { fallBack } from '../contract/fallback.ts';
import type { Log } from '../contract/log.ts';
import type { State } from '../contract/state.ts';
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
  effectFieldOf,
  fieldOf,
  nthCallback,
  referenceFieldOf,
  sleepName,
  stateFieldOf,
  waitFieldOf,
} from '../journal/identity.ts';

/** What a flow has asked for, by the journal's field, in order. */
export class Asked {
  readonly #fields = new Map<string, { settled: boolean; readonly canUndo: boolean }>();
  readonly #counts = new Map<string, number>();
  readonly #passed: (field: string) => void;
  /** The code of the rejection with which the flow ended by itself. */
  rejection: string | undefined;

  /** @param passed told of what is settled, as it is */
  constructor(passed: (field: string) => void = () => {}) {
    this.#passed = passed;
  }

  note<T>(field: string, answer: Promise<T>, options?: Pick<UndoOptions<never>, 'undo'>): Promise<T> {
    const ask = { settled: false, canUndo: options?.undo !== undefined };
    this.#fields.set(field, ask);
    const settle = () => {
      ask.settled = true;
      this.#passed(field);
    };
    answer.then(settle, settle);
    return answer;
  }

  count(what: string): number {
    const count = (this.#counts.get(what) ?? 0) + 1;
    this.#counts.set(what, count);
    return count;
  }

  has(field: string): boolean {
    return this.#fields.has(field);
  }

  isSettled(field: string): boolean {
    return this.#fields.get(field)?.settled ?? false;
  }

  unsettled(): string[] {
    return [...this.#fields].filter(([, { settled }]) => !settled).map(([field]) => field);
  }

  hasUndoFor(undoField: string): boolean {
    return this.#fields.get(effectFieldOf(undoField))?.canUndo ?? false;
  }
}

/** Hands everything on to the flow's real context and notes what was asked for. */
export class AskedContext implements FlowContext {
  readonly runId: string;
  readonly log: Log;
  readonly #ctx: FlowContext;
  readonly #asked: Asked;

  constructor(ctx: FlowContext, asked: Asked) {
    this.runId = ctx.runId;
    this.log = ctx.log;
    this.#ctx = ctx;
    this.#asked = asked;
  }

  step<T>(name: string, options: StepOptions<T>): Promise<T>;
  step<T>(name: string, options: OptionalStepOptions<T>): Promise<T | undefined>;
  step<T>(name: string, options: StepOptions<T> | OptionalStepOptions<T>): Promise<T | undefined> {
    const asked = options.optional ? this.#ctx.step(name, options) : this.#ctx.step(name, options);
    return this.#asked.note<T | undefined>(fieldOf('step', name), asked, options);
  }

  fallback<T>(name: string, candidates: readonly StepOptions<T>[]): Promise<T> {
    return fallBack(this, name, candidates);
  }

  sleep(duration: DurationInput): Promise<void> {
    const field = fieldOf('timer', sleepName(this.#asked.count('sleep')));
    return this.#asked.note(field, this.#ctx.sleep(duration));
  }

  waitFor<T = unknown>(name: string, options: WaitOptions<T> = {}): Promise<T> {
    const field = waitFieldOf(name, this.#asked.count(`wait ${name}`));
    return this.#asked.note(field, this.#ctx.waitFor(name, options));
  }

  async callback<T = unknown>(name: string, options: CallbackOptions<T> = {}): Promise<Callback<T>> {
    const nth = nthCallback(name, this.#asked.count(`callback ${name}`));
    const made = await this.#asked.note(fieldOf('callback', nth), this.#ctx.callback(name, options));
    const field = fieldOf('wait', callbackSignal(nth));
    return { ...made, wait: () => this.#asked.note(field, made.wait()) };
  }

  emit(name: string, data?: unknown): Promise<void> {
    return this.#asked.note(fieldOf('event', name), this.#ctx.emit(name, data));
  }

  correlate(kind: string, id: string): Promise<void> {
    return this.#asked.note(referenceFieldOf(kind, id), this.#ctx.correlate(kind, id));
  }

  state<T = unknown>(name: string): State<T> {
    const state = this.#ctx.state<T>(name);
    const next = (access: 'get' | 'set') =>
      stateFieldOf(access, name, this.#asked.count(`${access} ${name}`));
    return {
      get: () => this.#asked.note(next('get'), state.get()),
      set: (value, options) => this.#asked.note(next('set'), state.set(value, options)),
    };
  }

  runChild<I, O = unknown>(name: string, options: ChildOptions<I, O>): Promise<O> {
    return this.#asked.note(fieldOf('child', name), this.#ctx.runChild(name, options), options);
  }

  now(): number {
    return this.#ctx.now();
  }

  random(): number {
    return this.#ctx.random();
  }

  uuid(): string {
    return this.#ctx.uuid();
  }
}
