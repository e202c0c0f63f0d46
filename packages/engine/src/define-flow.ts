import type { z } from 'zod';
import type { StepOptions } from './step.ts';

/** What a flow's function may use. Everything else it does must be the same each time it runs. */
export interface FlowContext {
  readonly runId: string;
  /**
   * Runs a step once and records its result; when the flow is replayed, returns the record.
   * @param name unique within the run
   * @throws RejectedError when the provider said no; the flow may catch it and go on
   */
  step<T>(name: string, options: StepOptions<T>): Promise<T>;
}

export interface Flow<I = unknown, O = unknown> {
  /** Lower-case words joined by `-`; also the name of its queue. */
  readonly name: string;
  /** Whole number, from 1. A run keeps the version it was accepted with. */
  readonly version: number;
  /** Checked before a run is accepted. */
  readonly input: z.ZodType<I>;
  /** Checked before a run completes. */
  readonly output: z.ZodType<O>;
  run(ctx: FlowContext, input: I): Promise<O>;
}

/** What who submits runs needs to know of a flow. */
export type FlowContract<I = unknown> = Pick<Flow<I>, 'name' | 'version' | 'input'>;

const RESERVED = new Set(['dead-letters', 'meta', 'wait', 'id', 'events']);

/** @throws TypeError when the name or version cannot be used. */
export function defineFlow<I, O>(flow: Flow<I, O>): Flow<I, O> {
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
  return Object.freeze({ ...flow });
}
