import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Calls } from './attempt.ts';
import type { FlowContext } from './define-flow.ts';
import { toErrorRecord, toRejectedError } from './error-codec.ts';
import { RejectedError } from './errors.ts';
import type { ClaimedRun } from './journal/journal.ts';
import type { StepRecord } from './journal/step-record.ts';
import type { Failure, WaitingFor } from './run.ts';
import type { RunWriter } from './run-writer.ts';
import type { StepOptions } from './step.ts';
import { type StepEnd, StepRunner } from './step-runner.ts';

/** How a drive through the flow's function ended. */
export type DriveEnd =
  | { readonly end: 'returned'; readonly output: unknown }
  | { readonly end: 'rejected'; readonly failure: Failure }
  | { readonly end: 'waits'; readonly waiting: WaitingFor; readonly delayMs: number }
  | { readonly end: 'dies'; readonly failure: Failure }
  /** A cancel was asked for. */
  | { readonly end: 'cancelled' }
  /** Replay alone: all that the journal has was played back. */
  | { readonly end: 'replayed' }
  /** The worker stops: another one goes on. */
  | { readonly end: 'handed_back'; readonly cutOff: boolean }
  /** Another worker owns the run. */
  | { readonly end: 'lost' };

/** A step the flow has reached in this drive. */
export interface ReachedStep {
  readonly name: string;
  // the result type is known to the flow alone
  readonly options: StepOptions<unknown>;
}

export interface ExecutionDeps {
  readonly writer: RunWriter;
  readonly calls: Calls;
  readonly random: () => number;
  readonly retryScale: number;
  /** True once the worker stops: no new effect starts. */
  readonly draining: () => boolean;
}

/**
 * One drive of a flow's function over its run's journal: recorded steps return their record, others are run and recorded.
 * A step that cannot end now never settles; the drive ends once nothing is under way any more.
 */
export class Execution implements FlowContext {
  readonly runId: string;
  readonly reached = new Map<string, ReachedStep>();
  readonly #run: ClaimedRun;
  readonly #deps: ExecutionDeps;
  readonly #runner: StepRunner;
  /** `forward` runs what is not recorded; `replay` stops there. */
  readonly #mode: 'forward' | 'replay';
  readonly #unvisited: Set<string>;
  #underWay = 0;
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
    this.#runner = new StepRunner(run, deps);
    this.#unvisited = new Set(
      [...run.steps].filter(([, r]) => r.is === 'completed' || r.is === 'rejected').map(([name]) => name),
    );
  }

  /** Runs the flow's function until it returns, throws, or has to stop. */
  async drive(flow: (ctx: FlowContext, input: unknown) => Promise<unknown>): Promise<DriveEnd> {
    const ended = new Promise<DriveEnd>((resolve) => {
      this.#resolveEnd = resolve;
    });
    this.#callFlow(flow).then((settled) => {
      this.#settled = settled;
      if (this.#underWay === 0) this.#end();
    });
    return ended;
  }

  async #callFlow(flow: (ctx: FlowContext, input: unknown) => Promise<unknown>): Promise<DriveEnd> {
    try {
      const output = await flow(this, this.#run.input);
      const missed = this.#missedSteps();
      if (missed) return { end: 'dies', failure: missed };
      return { end: 'returned', output };
    } catch (error) {
      if (!(error instanceof RejectedError))
        return { end: 'dies', failure: { ...toErrorRecord(error), kind: 'bug' } };
      const step = this.#rejectedBy.get(error);
      return {
        end: 'rejected',
        failure: { ...toErrorRecord(error), kind: 'rejected', ...(step && { step }) },
      };
    }
  }

  step<T>(name: string, options: StepOptions<T>): Promise<T> {
    const misuse = this.#register(name, options as StepOptions<unknown>);
    if (misuse) return this.#stop({ end: 'dies', failure: misuse });

    const record = this.#deps.writer.records.get(name);
    this.#unvisited.delete(name);
    if (record?.is === 'completed') return Promise.resolve(record.result as T);
    if (record?.is === 'rejected') return Promise.reject(this.#rejection(name, record));
    if (this.#mode === 'replay') {
      this.#atFrontier = true;
      return this.#stop(undefined);
    }
    return this.#perform(name, options, record);
  }

  #perform<T>(
    name: string,
    options: StepOptions<T>,
    record: Exclude<StepRecord, { is: 'completed' | 'rejected' }> | undefined,
  ) {
    this.#underWay += 1;
    return new Promise<T>((resolve, reject) => {
      this.#runStep(name, options, record)
        .then((ended) => {
          switch (ended.is) {
            case 'completed':
              return resolve(ended.value as T);
            case 'rejected':
              return reject(this.#rejection(name, ended.record));
            case 'waits':
              this.#waits.push(ended.waiting);
              return;
            case 'stopped':
              this.#stopped ??= ended.by;
              return;
          }
        })
        .catch((error: unknown) => {
          this.#stopped ??= { end: 'dies', failure: { ...toErrorRecord(error), kind: 'bug', step: name } };
        })
        .finally(() => {
          this.#underWay -= 1;
          if (this.#underWay === 0) this.#endWhenStill();
        });
    });
  }

  async #runStep<T>(
    name: string,
    options: StepOptions<T>,
    record: Exclude<StepRecord, { is: 'completed' | 'rejected' }> | undefined,
  ): Promise<StepEnd> {
    if (this.#unvisited.size > 0) {
      // steps beside this one may be about to be played back
      await nextTurn();
      const missed = this.#missedSteps(name);
      if (missed) return { is: 'stopped', by: { end: 'dies', failure: missed } };
    }
    if (this.#stopped) return { is: 'stopped', by: this.#stopped };
    return this.#runner.run(name, options as StepOptions<unknown>, record);
  }

  readonly #rejectedBy = new WeakMap<Error, string>();

  #rejection(step: string, record: Extract<StepRecord, { is: 'rejected' }>): RejectedError {
    const error = toRejectedError(record.error);
    this.#rejectedBy.set(error, step);
    return error;
  }

  #register(name: string, options: StepOptions<unknown>): Failure | undefined {
    const at = new Error(`step "${name}"`);
    const first = this.reached.get(name);
    if (first) {
      return bug(
        'step_name_reused',
        `step "${name}" is used twice in one run; in a loop, build the name. First ${placeOf(this.#places.get(name))}, again ${placeOf(at)}`,
        name,
      );
    }
    if (!/^[A-Za-z0-9_-]{1,100}$/.test(name)) {
      return bug(
        'step_name_invalid',
        `step name ${JSON.stringify(name)}: use 1 to 100 letters, digits, "_" or "-"`,
        name,
      );
    }
    this.reached.set(name, { name, options });
    this.#places.set(name, at);
    return undefined;
  }

  readonly #places = new Map<string, Error>();

  /** Steps the journal has an outcome for and today's code does not reach. */
  #missedSteps(instead?: string): Failure | undefined {
    if (this.#unvisited.size === 0) return undefined;
    const recorded = [...this.#unvisited].map((name) => `"${name}"`).join(', ');
    const met =
      instead === undefined ? 'the flow ended without it' : `the flow went to step "${instead}" instead`;
    return {
      kind: 'incompatible_flow',
      code: 'incompatible_flow',
      message: `the journal has ${recorded}, but ${met}; give the changed flow a new version, or redrive once the old code is back`,
      ...(instead !== undefined && { step: instead }),
    };
  }

  /** The step that calls this never settles. */
  #stop(by: DriveEnd | undefined): Promise<never> {
    this.#stopped ??= by;
    if (this.#underWay === 0) this.#endWhenStill();
    return new Promise<never>(() => {});
  }

  /** Gives the flow a turn to go on; ends the drive when it did not start anything. */
  #endWhenStill(): void {
    setImmediate(() => {
      if (this.#underWay > 0) return;
      if (this.#settled || this.#stopped || this.#atFrontier || this.#waits.length > 0) this.#end();
    });
  }

  #end(): void {
    this.#resolveEnd(this.#stopped ?? this.#settledEnd() ?? this.#waitEnd() ?? { end: 'replayed' });
  }

  #settledEnd(): DriveEnd | undefined {
    const waiting = this.#waits[0];
    if (this.#settled?.end !== 'returned' || !waiting) return this.#settled;
    const step = 'step' in waiting ? waiting.step : waiting.name;
    return {
      end: 'dies',
      failure: bug(
        'step_not_awaited',
        `the flow returned while step "${step}" was not done; await every step`,
        step,
      ),
    };
  }

  #waitEnd(): DriveEnd | undefined {
    if (this.#waits.length === 0) return undefined;
    const waiting = this.#waits.reduce((soonest, next) =>
      untilOf(next) < untilOf(soonest) ? next : soonest,
    );
    return {
      end: 'waits',
      waiting,
      delayMs: Math.max(0, Math.ceil(untilOf(waiting) - this.#deps.writer.now())),
    };
  }
}

function untilOf(waiting: WaitingFor): number {
  return waiting.until ?? Number.POSITIVE_INFINITY;
}

function bug(code: string, message: string, step: string): Failure {
  return { kind: 'bug', code, message, step };
}

/** The first line of a stack outside of this file. */
function placeOf(error: Error | undefined): string {
  const lines = error?.stack?.split('\n').slice(1) ?? [];
  const outside = lines.find(
    (line) => !line.includes(import.meta.url) && !/[\\/]execution\.[jt]s/.test(line),
  );
  return outside?.trim() ?? 'at an unknown place';
}
