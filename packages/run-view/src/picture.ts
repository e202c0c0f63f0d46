import type { Run, RunEvent, StepState } from '@holdfast/engine';
import { type Bar, endOf, type Lane, type Pause, stepLane, undoLane } from './lanes.ts';
import { startOf } from './standing.ts';
import { counted } from './words.ts';

/** What stands in one row of a run's timeline. */
export interface Row {
  readonly name: string;
  readonly note: string;
  readonly lane: Lane;
  /** Drawn below: what took back what the step had done at `doneAt`. */
  readonly undo?: { readonly lane: Lane; readonly doneAt: number };
}

/** A moment of the whole run. */
export interface Mark {
  readonly at: number;
  readonly kind: Exclude<RunEvent['kind'], 'call'>;
  readonly label: string;
}

/** A run's timeline, before anything is placed. Times are Unix milliseconds. */
export interface Picture {
  readonly start: number;
  readonly end: number;
  readonly rows: readonly Row[];
  /** Rows that came before these, and are too many to be drawn. */
  readonly earlier: number;
  readonly marks: readonly Mark[];
}

const MOST_ROWS = 60;

export function pictureOf(run: Run, now: number): Picture {
  const end = endOf(run, now);
  const all = [
    ...run.steps.map((step) => ({ startedAt: step.startedAt, row: stepRow(run, step, end) })),
    ...run.waits.map((wait) => ({ startedAt: wait.startedAt, row: waitRow(wait, end) })),
  ]
    .sort((a, b) => a.startedAt - b.startedAt)
    .map(({ row }) => row);
  const rows = all.slice(-MOST_ROWS);
  const earlier = all.length - rows.length;
  const marks = run.events.flatMap(markOf);
  // the clock here may be behind that of Redis
  const times = [
    ...rows.flatMap((row) => [...barsOf(row), ...pausesOf(row)].map(({ from }) => from)),
    ...marks.map(({ at }) => at),
  ];
  const start = earlier > 0 ? Math.min(...times) : Math.min(startOf(run), ...times);
  return { start, end: Math.max(end, start + 1, ...times), rows, earlier, marks };
}

/** All bars of a row, its undo's included. */
export function barsOf({ lane, undo }: Row): readonly Bar[] {
  return undo ? [...lane.bars, ...undo.lane.bars] : lane.bars;
}

export function pausesOf({ lane, undo }: Row): readonly Pause[] {
  return undo ? [...lane.pauses, ...undo.lane.pauses] : lane.pauses;
}

const STATUS_WORDS: Readonly<Record<StepState['status'], string>> = {
  running: 'running',
  waiting: 'waiting',
  completed: 'done',
  failed: 'failed',
  in_doubt: 'in doubt',
  compensated: 'undone',
};

function stepRow(run: Run, step: StepState, end: number): Row {
  const undo = undoLane(run, step, end);
  const lane = stepLane(run, step, end);
  return {
    name: step.name,
    note: noteOf(run, step),
    lane,
    ...(undo && { undo: { lane: undo, doneAt: step.undo?.doneAt ?? step.finishedAt ?? step.startedAt } }),
  };
}

function noteOf(run: Run, step: StepState): string {
  const { undo } = step;
  const waits =
    'waitingFor' in run && run.waitingFor && 'step' in run.waitingFor ? run.waitingFor : undefined;
  const word =
    waits?.step === step.name
      ? 'waiting'
      : undo && undo.finishedAt === undefined
        ? 'not undone yet'
        : STATUS_WORDS[step.status];
  return step.attempts > 1 ? `${word}, ${counted(step.attempts, 'attempt')}` : word;
}

function waitRow({ kind, name, startedAt, finishedAt }: Run['waits'][number], end: number): Row {
  const reason = kind === 'timer' ? 'timer' : `signal ${name}`;
  return {
    name: kind === 'timer' ? name.replace(/^sleep-(\d+)$/, 'sleep $1') : name,
    note: finishedAt === undefined ? `waits for its ${kind === 'timer' ? 'time' : kind}` : 'over',
    lane: { bars: [], pauses: [{ from: startedAt, to: finishedAt ?? end, reason }] },
  };
}

/** What a person said became of a step. */
export const ANSWERS: Readonly<
  Record<NonNullable<Extract<RunEvent, { kind: 'resolved' }>['outcome']>, string>
> = {
  happened: 'happened',
  did_not_happen: 'did not happen',
  undone: 'was undone',
  not_undone: 'was not undone',
};

function markOf(event: RunEvent): Mark[] {
  switch (event.kind) {
    case 'call':
      return [];
    case 'taken_over':
      return [{ at: event.at, kind: event.kind, label: `taken over by worker ${event.worker.slice(0, 8)}` }];
    case 'died':
      return [{ at: event.at, kind: event.kind, label: 'dead' }];
    case 'redriven':
      return [{ at: event.at, kind: event.kind, label: event.kind }];
    case 'resolved': {
      const said = event.step && event.outcome ? `: ${event.step} ${ANSWERS[event.outcome]}` : '';
      return [{ at: event.at, kind: event.kind, label: `resolved${said}` }];
    }
    case 'cancel_requested':
      return [{ at: event.at, kind: event.kind, label: 'cancel asked for' }];
  }
}
