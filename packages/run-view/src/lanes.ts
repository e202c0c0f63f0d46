import type { Run, RunEvent, StepState } from '@holdfast/engine';

/** How an attempt went; `crashed`: its worker was lost and nobody wrote down how it ended. */
export type Outcome = 'completed' | 'undone' | 'rejected' | 'retried' | 'in_doubt' | 'crashed' | 'running';

/** One attempt. Times are Unix milliseconds. */
export interface Bar {
  readonly from: number;
  readonly to: number;
  readonly outcome: Outcome;
  /** The code of what went wrong. */
  readonly code?: string;
}

export interface Pause {
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

/** What was tried one after another: a step's attempts, or its undo's. */
export interface Lane {
  readonly bars: readonly Bar[];
  readonly pauses: readonly Pause[];
}

type AttemptFailed = Extract<RunEvent, { kind: 'attempt_failed' }>;

/** When the picture of a run ends: where it ended or died, or now. */
export function endOf(run: Run, now: number): number {
  if ('finishedAt' in run) return run.finishedAt;
  if (run.status === 'dead') return run.events.findLast(({ kind }) => kind === 'died')?.at ?? run.updatedAt;
  return Math.max(now, run.updatedAt);
}

export function stepLane(run: Run, step: StepState, end: number): Lane {
  const failures = failuresOf(run, step, false);
  const finishedAt = step.undo?.doneAt ?? step.finishedAt;
  const done = step.status === 'completed' || step.status === 'compensated';
  return lane(run, {
    ...{ failures, end, startedAt: step.startedAt, attempts: step.attempts },
    ...(finishedAt !== undefined && { finishedAt }),
    outcome: done ? 'completed' : step.status === 'failed' ? 'rejected' : openOutcome(run, step),
  });
}

export function undoLane(run: Run, step: StepState, end: number): Lane | undefined {
  const { undo } = step;
  if (!undo) return undefined;
  const { attempts, startedAt, finishedAt } = undo;
  return lane(run, {
    ...{ failures: failuresOf(run, step, true), end, startedAt, attempts },
    ...(finishedAt !== undefined && { finishedAt }),
    outcome: finishedAt === undefined ? openOutcome(run, step) : 'undone',
  });
}

interface Tried {
  readonly failures: readonly AttemptFailed[];
  readonly startedAt: number;
  readonly finishedAt?: number;
  readonly attempts: number;
  /** Of the attempt after the last one that failed. */
  readonly outcome: Outcome;
  readonly end: number;
}

function lane(run: Run, { failures, startedAt, finishedAt, attempts, outcome, end }: Tried): Lane {
  const bars: Bar[] = [];
  const pauses: Pause[] = [];
  let ready = startedAt;
  /** Adds an attempt that could begin at `ready`, and before it those that were cut short by the loss of their worker. */
  const add = (bar: Bar) => {
    let from = ready;
    for (const at of takeOvers(run).filter((each) => each > ready && each < bar.to)) {
      bars.push({ from, to: at, outcome: 'crashed' });
      from = at;
    }
    bars.push({ ...bar, from: Math.max(bar.from, Math.min(from, bar.to)) });
  };
  const [first] = failures;
  // what was tried under the same number before is not kept; when it began is
  if (
    first &&
    first.startedAt > startedAt &&
    !takeOvers(run).some((at) => at > startedAt && at < first.startedAt)
  ) {
    pauses.push({ from: startedAt, to: first.startedAt, reason: pauseReason(first) });
    ready = first.startedAt;
  }
  for (const [index, failed] of failures.entries()) {
    const waitsFrom = failed.unsent ? failed.startedAt : failed.at;
    if (!failed.unsent) {
      add({ from: failed.startedAt, to: failed.at, outcome: outcomeOf(failed), code: failed.error.code });
    }
    const next = failures[index + 1];
    const back = broughtBack(run, failed.at);
    // tried again by itself, or by a person's wish
    ready = Math.min(failed.until ?? back ?? end, end);
    const crashed = takeOvers(run).some((at) => at > ready && at < (next?.startedAt ?? end));
    const until = next && !crashed ? Math.max(ready, next.startedAt) : ready;
    const goesOn = next !== undefined || failed.until !== undefined || back !== undefined;
    if (goesOn && until > waitsFrom) pauses.push({ from: waitsFrom, to: until, reason: pauseReason(failed) });
  }
  const last = failures.at(-1);
  if (finishedAt !== undefined && finishedAt <= (last?.at ?? startedAt)) {
    const resolved = run.events.find(({ kind, at }) => kind === 'resolved' && at >= finishedAt)?.at;
    if (last && finishedAt === last.at) return { bars, pauses };
    if (resolved !== undefined) {
      if (!last)
        bars.push({ from: startedAt, to: diedBefore(run, resolved) ?? resolved, outcome: 'in_doubt' });
      bars.push({ from: resolved, to: resolved, outcome });
      return { bars, pauses };
    }
  }
  if (finishedAt !== undefined) add({ from: ready, to: finishedAt, outcome });
  else if (!last || attempts > last.attempt || (isDriven(run) && ready < end))
    add({ from: ready, to: end, outcome });
  return { bars, pauses };
}

function failuresOf(run: Run, { name }: StepState, undo: boolean): AttemptFailed[] {
  return run.events.filter(
    (event): event is AttemptFailed =>
      event.kind === 'attempt_failed' &&
      event.undo === undo &&
      (event.step === name || (undo && event.step === `child.${name}`)),
  );
}

function takeOvers(run: Run): number[] {
  return run.events.flatMap((event) => (event.kind === 'taken_over' ? [event.at] : []));
}

function broughtBack(run: Run, after: number): number | undefined {
  return run.events.find(({ kind, at }) => (kind === 'redriven' || kind === 'resolved') && at >= after)?.at;
}

function diedBefore(run: Run, before: number): number | undefined {
  return run.events.findLast(({ kind, at }) => kind === 'died' && at <= before)?.at;
}

function isDriven(run: Run): boolean {
  return run.status === 'running' || (run.status === 'compensating' && !run.waitingFor);
}

/** An attempt without an outcome is under way as long as the run has a worker. */
function openOutcome(run: Run, { status }: StepState): Outcome {
  if (isDriven(run) || run.status === 'suspended') return 'running';
  return status === 'in_doubt' ? 'in_doubt' : 'crashed';
}

function outcomeOf({ error }: AttemptFailed): Outcome {
  if (error.kind === 'in_doubt') return 'in_doubt';
  return error.kind === 'rejected' ? 'rejected' : 'retried';
}

function pauseReason({ error, until, unsent }: AttemptFailed): string {
  if (until === undefined) return 'waits for a person';
  if (unsent && error.code === 'breaker_open') return 'provider down';
  return unsent || error.kind === 'throttled' ? 'limit' : 'retry';
}
