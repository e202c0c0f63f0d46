import type { z } from 'zod';
import type { DurationInput } from './duration.ts';
import type { Log } from './log.ts';
import { checkRetention, type Retention } from './retention.ts';
import type { State } from './state.ts';
import type {
  Callback,
  CallbackOptions,
  ChildOptions,
  OptionalStepOptions,
  StepOptions,
  WaitOptions,
} from './step.ts';

/**
 * What a flow's function may use. The function is run again from its start whenever the run goes on, so everything else that it
 * does must come out the same each time.
 */
export interface FlowContext {
  readonly runId: string;
  /**
   * Runs a step once and records its result; when the flow is replayed, returns the record.
   * @param name unique within the run; in a loop, build it
   * @throws RejectedError when the provider said no; the flow may catch it and go on
   */
  step<T>(name: string, options: StepOptions<T>): Promise<T>;
  /** @returns `undefined` where it came to nothing, which is then a warning of the run */
  step<T>(name: string, options: OptionalStepOptions<T>): Promise<T | undefined>;
  /**
   * Tries one candidate after the other until one is done: the next only after a definite refusal, or when the attempts are used up
   * without doubt. What is in doubt goes by the candidate's `whenInDoubt` and never falls through. Each is a step of its own: `name`,
   * `name-2`, `name-3`, and the one that was done is undone like any step.
   * @throws RejectedError of the last candidate; the run is dead when the last one's attempts are used up
   */
  fallback<T>(name: string, candidates: readonly StepOptions<T>[]): Promise<T>;
  /** Waits without holding a worker; survives restarts. The n-th sleep of a run keeps the end it got first. */
  sleep(duration: DurationInput): Promise<void>;
  /**
   * Waits for a signal by this name, without holding a worker. A signal that came early is kept; each is taken by one wait, the
   * oldest first.
   * @returns the signal's payload
   * @throws RejectedError `signal_timeout`, or `signal_invalid` when the payload does not fit the schema
   */
  waitFor<T = unknown>(name: string, options?: WaitOptions<T>): Promise<T>;
  /**
   * A durable value of the tenant, such as the place that a sync has come to.
   * @param name 1 to 200 letters, digits, ".", "_", ":", "/" or "-"
   */
  state<T = unknown>(name: string): State<T>;
  /**
   * Raises an event for the tenant's subscribers (docs/webhooks.md), together with the outcome of the step before: once per run and name.
   * @param name such as `order.shipped`: two lower-case words with a dot between them, not of `run.`, `payment.` or `webhook.`
   * @param data what they get as `data.payload`, at most 64 KiB as JSON
   */
  emit(name: string, data?: unknown): Promise<void>;
  /**
   * Registers what others call the thing that this run is about, such as `('payment_intent', 'pi_1')`: a webhook whose mapping signals
   * `{ correlation: [kind, id] }` reaches this run from now on, and one of the last day that came before as well. Within the tenant; the
   * run that registers last has it. It ends with the run.
   * @param kind 1 to 100 letters, digits, "_", "-" or "."
   * @param id 1 to 255 visible ASCII characters
   */
  correlate(kind: string, id: string): Promise<void>;
  /**
   * Makes an id and a URL to give to others, by which one of them completes the callback, once. It counts from now on: what comes before
   * the flow waits for it is kept.
   * @param name 1 to 100 letters, digits, "_", "-" or "."; the same name again is another callback
   */
  callback<T = unknown>(name: string, options?: CallbackOptions<T>): Promise<Callback<T>>;
  /**
   * Runs another flow as a run of its own, under a key derived from this run, and waits for its end.
   * @returns its output
   * @throws RejectedError `child_failed` or `child_cancelled`, with the child's reason as cause
   */
  runChild<I, O = unknown>(name: string, options: ChildOptions<I, O>): Promise<O>;
  /** The time of the last thing that was recorded, in Unix milliseconds on Redis' clock: the same on every replay. */
  now(): number;
  /** From 0 to 1, the same on every replay. Not for secrets. */
  random(): number;
  /** A version 4 UUID, the same on every replay. Not for secrets. */
  uuid(): string;
  /** Logs with the run's id; silent while the flow is replayed. */
  readonly log: Log;
}

/** A lane in front of a flow: its runs start in the order of their urgency and arrival, and the lanes that have runs take turns. */
export interface Lane<I> {
  /**
   * The lane of a run within its tenant, such as a customer's id: at most 200 characters. Called when the run is submitted.
   * @example key: (order) => order.customer.id
   */
  key(input: I, tenant: string): string;
  /** How many runs of a lane may be with workers at once; one that waits, for a timer or a retry, is not. Default: any number. */
  readonly limit?: number;
}

export interface Flow<I = unknown, O = unknown, N extends string = string> {
  /** Lower-case words joined by `-`; also the name of its queue. */
  readonly name: N;
  /** Whole number, from 1. A run keeps the version it was accepted with. */
  readonly version: number;
  /** Which of its runs take turns, and how many of them run at once. Default: those of each tenant, as many as there is room for. */
  readonly lane?: Lane<I>;
  /** Checked before a run is accepted. */
  readonly input: z.ZodType<I>;
  /** Checked before a run completes. */
  readonly output: z.ZodType<O>;
  /**
   * What steps return, by their names, as far as the function needs it: a person who says that an effect in doubt happened cannot
   * record anything else. A step that is not named takes any result.
   */
  readonly results?: Readonly<Record<string, z.ZodType>>;
  /**
   * How long its runs are kept once they have ended, with their Idempotency-Keys. Default: as long as the system says, which is `7d` by
   * itself. Dead runs do not expire.
   */
  readonly retention?: Retention;
  run(ctx: FlowContext, input: I): O | Promise<O>;
}

/** What who submits runs needs to know of a flow. */
export type FlowContract<I = unknown> = Pick<Flow<I>, 'name' | 'version' | 'input' | 'results' | 'lane'>;

const RESERVED = new Set(['dead-letters', 'meta', 'wait', 'id', 'events']);

/** @throws TypeError when the name or version cannot be used. */
export function defineFlow<I, O, const N extends string = string>(flow: Flow<I, O, N>): Flow<I, O, N> {
  if (!/^[a-z][a-z0-9]*(-[a-z0-9]+)*$/.test(flow.name) || flow.name.length > 64) {
    throw new TypeError(
      `flow name ${JSON.stringify(flow.name)}: use lower-case words joined by "-", at most 64 characters`,
    );
  }
  if (RESERVED.has(flow.name))
    throw new TypeError(`flow name "${flow.name}" is reserved for a queue or key of our own`);
  if (!Number.isSafeInteger(flow.version) || flow.version < 1) {
    throw new TypeError(`flow "${flow.name}": version must be a whole number from 1, got ${flow.version}`);
  }
  checkLane(flow.name, flow.lane);
  if (flow.retention !== undefined) checkRetention(flow.retention);
  return Object.freeze({ ...flow });
}

function checkLane(flow: string, lane: object | undefined): void {
  if (!lane) return;
  const unknown = Object.keys(lane).find((name) => name !== 'key' && name !== 'limit');
  if (unknown !== undefined)
    throw new TypeError(`flow "${flow}": lane has "key" and "limit", and no ${JSON.stringify(unknown)}`);
  if (!('key' in lane) || typeof lane.key !== 'function')
    throw new TypeError(`flow "${flow}": lane.key must be a function`);
  const limit = 'limit' in lane ? lane.limit : undefined;
  if (limit !== undefined && !(Number.isSafeInteger(limit) && Number(limit) >= 1))
    throw new TypeError(`flow "${flow}": lane.limit must be a whole number from 1, got ${String(limit)}`);
}

/** @throws TypeError when the flow's `lane.key` gives something that no lane can be called */
export function laneOf(
  flow: FlowContract,
  tenant: string,
  input: unknown,
): { readonly name: string; readonly limit: number | undefined } | undefined {
  if (!flow.lane) return undefined;
  const key: unknown = flow.lane.key(input, tenant);
  if (typeof key !== 'string' || key.length > 200)
    throw new TypeError(`flow "${flow.name}": lane.key must return a string of at most 200 characters`);
  return { name: `${tenant}/${key}`, limit: flow.lane.limit };
}
