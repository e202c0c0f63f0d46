import type { CallEvent, Run, StepState } from '@holdfast/engine';

/** How a call went; `crashed`: nobody wrote down how it ended. `found` and `none` are what look-ups tell. */
export type Outcome =
  | ('completed' | 'undone' | 'rejected' | 'retried' | 'in_doubt' | 'crashed' | 'running')
  | ('found' | 'none' | 'unanswered');

/** One call, or what a person said. Times are Unix milliseconds. */
export interface Bar {
  readonly from: number;
  readonly to: number;
  readonly outcome: Outcome;
  /** The code of what went wrong. */
  readonly code?: string;
  /** A question whether the effect happened. */
  readonly lookUp?: true;
  /** No call: a person said so. */
  readonly answered?: true;
}

export interface Pause {
  readonly from: number;
  readonly to: number;
  readonly reason: string;
}

/** What was tried one after another: a step's calls, or its undo's. */
export interface Lane {
  readonly bars: readonly Bar[];
  readonly pauses: readonly Pause[];
}

/** When the picture of a run ends: where it ended or died, or now. */
export function endOf(run: Run, now: number): number {
  if ('finishedAt' in run) return run.finishedAt;
  if (run.status === 'dead') return run.events.findLast(({ kind }) => kind === 'died')?.at ?? run.updatedAt;
  return Math.max(now, run.updatedAt);
}

export function stepLane(run: Run, step: StepState, end: number): Lane {
  const calls = callsOf(run, step, false);
  const { status, answered, startedAt, undo } = step;
  const finishedAt = undo?.doneAt ?? step.finishedAt;
  const done = status === 'completed' || status === 'compensated';
  const lane = laneOf(run, calls, end);
  if (answered && finishedAt !== undefined) return withAnswer(lane, finishedAt, 'completed');
  if (status === 'running' && isDriven(run)) return withOpen(run, lane, calls, startedAt, end);
  // a child run makes no calls of its own here
  if (calls.length > 0) return lane;
  if (status === 'waiting') return { bars: [], pauses: [{ from: startedAt, to: end, reason: 'child run' }] };
  const outcome = done ? 'completed' : status === 'failed' ? 'rejected' : openOutcome(run, step);
  return { bars: [{ from: startedAt, to: finishedAt ?? end, outcome }], pauses: [] };
}

export function undoLane(run: Run, step: StepState, end: number): Lane | undefined {
  const { undo } = step;
  const calls = callsOf(run, step, true);
  const lane = laneOf(run, calls, end);
  // it was found that the effect stands
  if (!undo) return calls.length > 0 ? lane : undefined;
  if (undo.finishedAt === undefined) {
    if (isDriven(run)) return withOpen(run, lane, calls, undo.startedAt, end);
    if (calls.length > 0) return lane;
    return {
      bars: [{ from: undo.startedAt, to: end, outcome: undo.inDoubt ? 'in_doubt' : 'crashed' }],
      pauses: [],
    };
  }
  if (undo.answered) return withAnswer(lane, undo.finishedAt, 'undone');
  if (calls.length > 0) return lane;
  return { bars: [{ from: undo.startedAt, to: undo.finishedAt, outcome: 'undone' }], pauses: [] };
}

/** What is recorded of a step's calls: each once, in the order of their starts, and what came between two of them. */
function laneOf(run: Run, calls: readonly CallEvent[], end: number): Lane {
  const bars: Bar[] = [];
  const pauses: Pause[] = [];
  for (const [index, call] of calls.entries()) {
    const { startedAt, at, putOff, until, outcome, error, what } = call;
    if (!putOff) {
      const code = error && { code: error.code };
      const lookUp = what === 'look_up' && { lookUp: true as const };
      bars.push({ from: startedAt, to: at, outcome: outcomeOf(call), ...code, ...lookUp });
    }
    const next = calls[index + 1];
    const from = putOff ? startedAt : at;
    // tried again by itself, or by a person's wish
    const back = until === undefined ? broughtBack(run, at) : undefined;
    if (until === undefined && back === undefined) continue;
    if (outcome === 'ok' || outcome === 'cut_off') continue;
    const ready = until ?? back ?? end;
    // offered to a worker at once; that it took a while is no wait of the step's
    const to = next ? Math.min(next.startedAt, Math.max(ready, from)) : Math.min(ready, end);
    if (to > from) pauses.push({ from, to, reason: pauseReason(call) });
  }
  return { bars, pauses };
}

/** With the call that is under way and that the journal knows nothing of yet. */
function withOpen(
  run: Run,
  { bars, pauses }: Lane,
  calls: readonly CallEvent[],
  startedAt: number,
  end: number,
): Lane {
  const last = calls.at(-1);
  const back = last && broughtBack(run, last.at);
  const from = Math.max(startedAt, last?.until ?? back ?? last?.at ?? startedAt);
  if (from >= end) return { bars, pauses };
  return { bars: [...bars, { from, to: end, outcome: 'running' }], pauses };
}

function withAnswer({ bars, pauses }: Lane, at: number, outcome: Outcome): Lane {
  return { bars: [...bars, { from: at, to: at, outcome, answered: true }], pauses };
}

export function callsOf(run: Run, { name }: Pick<StepState, 'name'>, undo: boolean): CallEvent[] {
  return run.events
    .filter(
      (event): event is CallEvent =>
        event.kind === 'call' &&
        (event.what === 'undo') === undo &&
        (event.step === name || (undo && event.step === `child.${name}`)),
    )
    .sort((a, b) => a.n - b.n);
}

function broughtBack(run: Run, after: number): number | undefined {
  return run.events.find(({ kind, at }) => (kind === 'redriven' || kind === 'resolved') && at >= after)?.at;
}

function isDriven(run: Run): boolean {
  return run.status === 'running' || (run.status === 'compensating' && !run.waitingFor);
}

/** An attempt without an outcome is under way as long as the run has a worker. */
function openOutcome(run: Run, { status }: StepState): Outcome {
  if (isDriven(run)) return 'running';
  return status === 'in_doubt' ? 'in_doubt' : 'crashed';
}

function outcomeOf({ what, outcome }: CallEvent): Outcome {
  if (outcome === 'cut_off') return 'crashed';
  if (what === 'look_up') return outcome === 'ok' ? 'found' : outcome === 'none' ? 'none' : 'unanswered';
  if (outcome === 'ok') return what === 'undo' ? 'undone' : 'completed';
  return outcome === 'rejected' || outcome === 'in_doubt' ? outcome : 'retried';
}

function pauseReason({ error, outcome, until, putOff, what }: CallEvent): string {
  if (until === undefined) return 'waits for a person';
  if (what === 'look_up' && outcome === 'none') return 'asked again later';
  if (putOff && error?.code === 'breaker_open') return 'provider down';
  return putOff || outcome === 'throttled' ? 'limit' : 'retry';
}
