import type { FlowContract, Json, Run, TenantEvent } from '@holdfast/engine';
import { iso, presentRun, type RunJson } from '@holdfast/run-view';

export interface EventBody {
  readonly type: string;
  /** When it happened, in Unix milliseconds. */
  readonly at: number;
  readonly data: Readonly<Record<string, unknown>>;
}

/** What is sent: the bytes that are signed. */
export function bodyOf({ type, at, data }: EventBody): string {
  return JSON.stringify({ type, timestamp: iso(at), data });
}

/** A run's input is at most 256 KiB; what is beside the body takes little. */
const MOST_BYTES = 240 * 1024;

/** Without what makes it too large, as far as that is needed: first the run's output, then its steps. */
export function boundedBodyOf(
  run: RunJson,
  event: Omit<EventBody, 'data'>,
  more: Readonly<Record<string, Json>>,
): string {
  const body = (shown: object) => bodyOf({ ...event, data: { run: shown, ...more } });
  // escaped once more as part of the input
  const isSmall = (text: string) => Buffer.byteLength(JSON.stringify(text)) <= MOST_BYTES;
  const whole = body(run);
  if (isSmall(whole)) return whole;
  const { output: _, ...withoutOutput } = run;
  const smaller = body(withoutOutput);
  if (isSmall(smaller)) return smaller;
  return bodyOf({ ...event, data: { run: { ...withoutOutput, steps: [] } } });
}

/**
 * The run as it stood when the event happened. One that was redriven or rerun since stands otherwise now: of it, what does not change is
 * shown.
 */
export function asItStood(
  run: Run,
  { type, generation }: Pick<TenantEvent, 'type' | 'generation'>,
  at: number,
  flows: readonly FlowContract[],
): RunJson {
  const shown = presentRun(run, flows);
  const status = /^run\.(completed|failed|cancelled|dead)$/.exec(type)?.[1] as RunJson['status'] | undefined;
  if (status === undefined || (run.status === status && run.generation === generation)) return shown;
  const { id, flow, version, idempotencyKey, tags, createdAt } = shown;
  return {
    ...{ id, flow, version, generation, status, idempotencyKey, ...(tags && { tags }) },
    ...{ steps: [], createdAt, updatedAt: iso(at) },
    ...(status !== 'dead' && { finishedAt: iso(at) }),
  };
}
