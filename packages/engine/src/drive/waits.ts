import type { z } from 'zod';
import type { FlowContract } from '../contract/define-flow.ts';
import { toMs } from '../contract/duration.ts';
import { RejectedError } from '../contract/errors.ts';
import type { ErrorRecord, Failure, Json, TerminalStatus } from '../contract/run.ts';
import type { CallbackOptions, ChildOptions, NextAction, WaitOptions } from '../contract/step.ts';
import { type CallbackIds, hashOfCallback } from '../journal/callback-ids.ts';
import { encodeJson } from '../journal/codec.ts';
import {
  callbackIndexField,
  callbackOfSignal,
  callbackSignal,
  childSignal,
  isReservedSignal,
} from '../journal/identity.ts';
import type { ClaimedRun, KeptSignal } from '../journal/journal.ts';
import type { Reference } from '../journal/keys.ts';
import type { CompletedRecord, RejectedRecord, WaitingRecord } from '../journal/step-record.ts';
import type { Correlations } from '../queue/correlations.ts';
import { toErrorRecord } from './error-codec.ts';
import type { DriveEnd } from './execution.ts';
import type { RunWriter } from './run-writer.ts';
import { type StepEnd, stopped, waits } from './step-runner.ts';

/** Runs that a run starts. */
export interface ChildRuns {
  /** Creates the child unless it exists. @returns its run id */
  start(parent: ClaimedRun, name: string, flow: FlowContract, input: unknown): Promise<string>;
  /** Has the child cancel itself; one that is not there yet is created so that it never does anything. */
  stop(parent: ClaimedRun, name: string, flow: FlowContract, input: unknown): Promise<void>;
}

/** What a child tells its parent at its end, as the payload of a signal. */
export type ChildEnd =
  | { readonly status: 'completed'; readonly output: Json }
  | { readonly status: Exclude<TerminalStatus, 'completed'>; readonly error?: Failure };

/** How a callback was completed, as the payload of its signal. */
export type CallbackEnd =
  | { readonly result: Json }
  | { readonly error: { readonly code: string; readonly message: string } };

/** What is recorded of a callback when it is made. */
export interface CallbackMade {
  /** Unix milliseconds; absent: it has no time limit. */
  readonly until?: number;
  /** What its URL began with then: a step that is repeated sends the same. */
  readonly publicUrl: string;
}

/** What the callbacks of a worker's runs are made with. */
export interface CallbackPlace {
  readonly ids: CallbackIds;
  readonly publicUrl: string;
}

type ChildStart<I> = Pick<ChildOptions<I, never>, 'flow' | 'input' | 'undo'>;

/** Timers, waits for signals and callbacks, and child runs: what a run waits for without holding a worker. */
export class Waits {
  readonly #run: ClaimedRun;
  readonly #writer: RunWriter;
  readonly #children: ChildRuns;
  readonly #callbacks: CallbackPlace;
  readonly #correlations: Correlations;
  readonly #draining: () => boolean;
  readonly #taken = new Set<string>();

  constructor(
    run: ClaimedRun,
    deps: {
      readonly writer: RunWriter;
      readonly children: ChildRuns;
      readonly callbacks: CallbackPlace;
      readonly correlations: Correlations;
      readonly draining: () => boolean;
    },
  ) {
    this.#run = run;
    this.#writer = deps.writer;
    this.#children = deps.children;
    this.#callbacks = deps.callbacks;
    this.#correlations = deps.correlations;
    this.#draining = deps.draining;
    for (const record of run.records.values()) {
      if ('signal' in record && record.signal !== undefined) this.#taken.add(record.signal);
    }
  }

  sleep(field: string, name: string, durationMs: number): StepEnd {
    const { until = 0, startedAt } = this.#begun(field, durationMs);
    if (this.#writer.now() < until) return waits({ kind: 'timer', name, until });
    return this.#complete(field, startedAt, undefined, {}, until);
  }

  waitFor(field: string, name: string, options: WaitOptions<unknown>): StepEnd {
    if (!NAME.test(name) || isReservedSignal(name)) {
      const message = `signal name ${JSON.stringify(name)}: use 1 to 100 letters, digits, "_", "-" or ".", and not "${childSignal('')}" at the start`;
      return dies({ kind: 'bug', code: 'signal_name_invalid', message });
    }
    const durationMs = options.timeout === undefined ? undefined : toMs(options.timeout);
    const { until, startedAt } = this.#begun(field, durationMs, options.nextAction);
    const signal = this.#nextSignal(name);
    if (signal) return this.#take(field, startedAt, signal, options);
    if (this.#mayStillCome(until)) {
      return waits({ kind: 'signal', name, ...(until !== undefined && { until }) });
    }
    const message = `no signal "${name}" came in time`;
    const error = toErrorRecord(new RejectedError({ code: 'signal_timeout', message }));
    return this.#reject(field, startedAt, error, undefined, until);
  }

  /** Makes a callback: from now on it can be completed. */
  async callback(
    field: string,
    name: string,
    callback: string,
    options: CallbackOptions<unknown>,
  ): Promise<StepEnd> {
    if (!NAME.test(name)) {
      const message = `callback name ${JSON.stringify(name)}: use 1 to 100 letters, digits, "_", "-" or "."`;
      return dies({ kind: 'bug', code: 'callback_name_invalid', message });
    }
    const { ids, publicUrl } = this.#callbacks;
    await ids.ready();
    const { runId, generation } = this.#run;
    const startedAt = this.#writer.now();
    const made: CallbackMade = {
      ...(options.timeout !== undefined && { until: startedAt + toMs(options.timeout) }),
      publicUrl,
    };
    const id = ids.idOf({ runId, generation, callback });
    this.#writer.also(callbackIndexField(hashOfCallback(id)), callback);
    return this.#complete(field, startedAt, made, {}, startedAt);
  }

  awaitCallback(
    field: string,
    callback: string,
    { until }: CallbackMade,
    { schema }: CallbackOptions<unknown>,
  ): StepEnd {
    const signalName = callbackSignal(callback);
    const name = callbackOfSignal(signalName) ?? callback;
    const { startedAt } = this.#begunUntil(field, until);
    const signal = this.#nextSignal(signalName);
    if (signal) return this.#takeCallback(field, startedAt, name, signal, schema);
    if (this.#mayStillCome(until)) {
      return waits({ kind: 'callback', name, ...(until !== undefined && { until }) });
    }
    const message = `callback "${name}" was not completed in time`;
    const error = toErrorRecord(new RejectedError({ code: 'callback_timeout', message }));
    return this.#reject(field, startedAt, error, undefined, Math.max(startedAt, until ?? 0));
  }

  #takeCallback(
    field: string,
    startedAt: number,
    name: string,
    { id, payload }: KeptSignal,
    schema: CallbackOptions<unknown>['schema'],
  ): StepEnd {
    this.#taken.add(id);
    const end = payload as CallbackEnd;
    if ('error' in end)
      return this.#reject(field, startedAt, toErrorRecord(new RejectedError(end.error)), id);
    const checked = schema?.safeParse(end.result) ?? { success: true as const, data: end.result };
    if (checked.success) return this.#complete(field, startedAt, checked.data, { signal: id });
    const message = `the result of callback "${name}" does not fit: ${faultsIn(checked.error, '(result)')}`;
    const error = new RejectedError({ code: 'callback_invalid', message });
    return this.#reject(field, startedAt, toErrorRecord(error), id);
  }

  /**
   * As of the claim, and not of now: what came in time between the two is not known here, and is found when the run is claimed once more.
   */
  #mayStillCome(until: number | undefined): boolean {
    return until === undefined || this.#run.now < until;
  }

  /** Registers a reference, again after a crash. */
  async correlate(field: string, reference: Reference): Promise<StepEnd> {
    const [kind, id] = reference;
    if (!NAME.test(kind) || !/^[\x21-\x7e]{1,255}$/.test(id)) {
      const message = `reference ${JSON.stringify(reference)}: its kind must be 1 to 100 letters, digits, "_", "-" or ".", its id 1 to 255 visible ASCII characters`;
      return dies({ kind: 'bug', code: 'reference_invalid', message });
    }
    const cut = await this.#beforeOutside();
    if (cut) return cut;
    const startedAt = this.#writer.now();
    if (!(await this.#correlations.register(this.#run, reference))) return stopped({ kind: 'lost' });
    return this.#complete(field, startedAt, undefined, {});
  }

  /** Nothing outside of the run's record is touched before what came before it is recorded. */
  async #beforeOutside(): Promise<StepEnd | undefined> {
    if (this.#draining()) return stopped({ kind: 'handed_back' });
    const written = await this.#writer.flush();
    if (written === 'stale_owner') return stopped({ kind: 'lost' });
    if (written === 'cancel_requested') return stopped({ kind: 'cancelled' });
    return undefined;
  }

  async runChild<I>(field: string, name: string, options: ChildStart<I>): Promise<StepEnd> {
    const { flow, input } = options;
    // one that a lost owner may have created is recorded as started
    if (this.#writer.open(field)?.kind !== 'waiting') {
      const cut = await this.#beforeOutside();
      if (cut) return cut;
      // the key makes the child the same one however often this is repeated
      await this.#children.start(this.#run, name, flow, input);
    }
    const { startedAt } = this.#begun(field, undefined);
    return this.#childEnd(field, name, startedAt, options);
  }

  /** Has a child that is not over cancel itself, and waits for that. */
  async stopChild<I>(field: string, name: string, options: ChildStart<I>): Promise<StepEnd> {
    const { startedAt } = this.#begun(field, undefined);
    const ended = this.#childEnd(field, name, startedAt, options);
    if (ended.kind === 'waits') await this.#children.stop(this.#run, name, options.flow, options.input);
    return ended;
  }

  #childEnd(
    field: string,
    name: string,
    startedAt: number,
    { undo }: Pick<ChildStart<never>, 'undo'>,
  ): StepEnd {
    const signal = this.#nextSignal(childSignal(name));
    if (!signal) return waits({ kind: 'signal', name: childSignal(name) });
    const end = signal.payload as ChildEnd;
    this.#taken.add(signal.id);
    if (end.status === 'completed') {
      const by = { signal: signal.id, ...(!undo && { undo: false as const }) };
      return this.#complete(field, startedAt, end.output, by);
    }
    const cause = end.error && Object.assign(new Error(end.error.message), { code: end.error.code });
    const error = new RejectedError({
      code: end.status === 'failed' ? 'child_failed' : 'child_cancelled',
      message: `child run "${name}" (${signal.id}) ${end.status}${end.error ? `: ${end.error.message}` : ''}`,
      ...(cause && { cause }),
    });
    return this.#reject(field, startedAt, toErrorRecord(error), signal.id);
  }

  #take(field: string, startedAt: number, signal: KeptSignal, { schema }: WaitOptions<unknown>): StepEnd {
    this.#taken.add(signal.id);
    const checked = schema?.safeParse(signal.payload) ?? { success: true as const, data: signal.payload };
    if (checked.success) return this.#complete(field, startedAt, checked.data, { signal: signal.id });
    const faults = faultsIn(checked.error, '(payload)');
    const message = `the payload of signal "${signal.name}" (${signal.id}) does not fit: ${faults}`;
    const error = new RejectedError({ code: 'signal_invalid', message });
    return this.#reject(field, startedAt, toErrorRecord(error), signal.id);
  }

  #nextSignal(name: string): KeptSignal | undefined {
    return this.#run.signals.find((signal) => signal.name === name && !this.#taken.has(signal.id));
  }

  /** The wait's record, made at its first time. */
  #begun(field: string, durationMs: number | undefined, nextAction?: NextAction): WaitingRecord {
    const until = durationMs === undefined ? undefined : this.#writer.now() + durationMs;
    return this.#begunUntil(field, until, nextAction);
  }

  #begunUntil(field: string, until: number | undefined, nextAction?: NextAction): WaitingRecord {
    const open = this.#writer.open(field);
    if (open?.kind === 'waiting') return open;
    const record: WaitingRecord = {
      ...{ kind: 'waiting', seq: this.#writer.nextSeq(), attempts: 1, startedAt: this.#writer.now() },
      ...(until !== undefined && { until }),
      ...(nextAction && { nextAction }),
    };
    this.#writer.hold(field, record);
    return record;
  }

  #complete(
    field: string,
    startedAt: number,
    value: unknown,
    more: Pick<CompletedRecord, 'signal' | 'undo'>,
    finishedAt = this.#writer.now(),
  ): StepEnd {
    const json = encodeJson(value, `what "${field}" waited for`);
    const result: unknown = json === undefined ? undefined : JSON.parse(json);
    const seq = this.#writer.nextSeq();
    const end = { seq, attempts: 1, startedAt, finishedAt, ...more };
    this.#writer.hold(field, { kind: 'completed', ...end, result }, json);
    this.#writer.flushSoon();
    return { kind: 'completed', value: result };
  }

  #reject(
    field: string,
    startedAt: number,
    error: ErrorRecord,
    signal: string | undefined,
    finishedAt = this.#writer.now(),
  ): StepEnd {
    const end = {
      seq: this.#writer.nextSeq(),
      attempts: 1,
      startedAt,
      finishedAt,
      ...(signal !== undefined && { signal }),
    };
    const record: RejectedRecord = { kind: 'rejected', ...end, error };
    this.#writer.hold(field, record);
    this.#writer.flushSoon();
    return { kind: 'rejected', record };
  }
}

const NAME = /^[A-Za-z0-9_.-]{1,100}$/;

function faultsIn({ issues }: z.ZodError, whole: string): string {
  return issues.map((issue) => `${issue.path.join('.') || whole}: ${issue.message}`).join('; ');
}

function dies(failure: Failure): StepEnd {
  const by: DriveEnd = { kind: 'dies', failure };
  return stopped(by);
}
