import { type StepCall, StepError } from '@holdfast/engine';
import { onTestFinished } from 'vitest';

/** When the steps of these tests began. */
export const STARTED_AT = Date.UTC(2026, 0, 31, 12);

export function stepCall(step: string, more: Partial<StepCall> = {}): StepCall {
  return {
    idempotencyKey: `run_7f:1:${step}`,
    reference: `run_7f.1.${step}`,
    runId: 'run_7f',
    generation: 1,
    step,
    attempt: 1,
    startedAt: STARTED_AT,
    signal: new AbortController().signal,
    ...more,
  };
}

/** Closed with the test. */
export function closing<T extends { close(): Promise<void> }>(adapter: T): T {
  onTestFinished(() => adapter.close());
  return adapter;
}

/** @returns the step error that the promise rejects with */
export async function stepError(promise: Promise<unknown>): Promise<StepError> {
  const error = await promise.then(
    (value) => new Error(`expected a step error, got ${JSON.stringify(value)}`),
    (thrown: unknown) => thrown,
  );
  if (error instanceof StepError) return error;
  throw error;
}
