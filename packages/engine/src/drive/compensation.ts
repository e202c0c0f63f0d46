import { isEffectField, undoFieldOf, undoNameOf } from '../journal/identity.ts';
import { isInDoubt, type StepRecord } from '../journal/step-record.ts';
import { toErrorRecord } from './error-codec.ts';
import { type DriveEnd, parkMs, type Reached } from './execution.ts';
import type { RunWriter } from './run-writer.ts';
import type { StepEnd, StepRunner } from './step-runner.ts';

/** What keeps a compensation from going on now. */
export type CompensationCut = Extract<DriveEnd, { kind: 'waits' | 'dies' | 'handed_back' | 'lost' }>;

/** What the flow has reached, by field. */
type Reach = ReadonlyMap<string, Reached>;

/** True when something is left to be undone, or to be found out before. */
export function needsCompensation(writer: RunWriter, reached: Reach): boolean {
  return doubts(writer, reached).length > 0 || toUndo(writer, reached).length > 0;
}

/** True when something that was done, or may have been done, stays as it is. */
export function effectsStand(records: ReadonlyMap<string, StepRecord>): boolean {
  return [...records].some(([field, record]) => {
    if (!isEffectField(field)) return false;
    if (record.kind !== 'completed') return isInDoubt(record);
    const undo = records.get(undoFieldOf(field));
    return undo?.kind !== 'completed' || undo.stands === true;
  });
}

/**
 * Holds a record of every effect that a lost owner may have started without leaving one: what the flow comes to first that is not over.
 * @param since when that owner had the run at the earliest
 */
export function doubtFrontier(runner: StepRunner, reached: Reach, since: number): void {
  for (const field of reached.keys()) runner.doubt(field, since);
}

/** The same of the undo that comes next. Nothing is undone before all doubts are settled. */
export function doubtNextUndo(runner: StepRunner, writer: RunWriter, reached: Reach, since: number): void {
  const [next] = toUndo(writer, reached);
  if (next) runner.doubt(undoFieldOf(next.field), since);
}

/** Tells, in the run's history, that a lost owner may have been about to settle the first of its doubts. */
export function noteUnsettled(runner: StepRunner, writer: RunWriter, reached: Reach, since: number): void {
  const next = doubts(writer, reached).find(({ options }) => options.undo !== undefined);
  if (next) runner.noteLost(next.field, since);
}

/** True when a compensation has something to find out before it may undo anything. */
export function hasOpenDoubts(writer: RunWriter, reached: Reach): boolean {
  return doubts(writer, reached).some(({ options }) => options.undo !== undefined);
}

/**
 * Finds out what happened to the effects in doubt; what was never started does not start.
 * @returns `settled`, and whether one of them was found to have happened
 */
export async function settleDoubts(
  runner: StepRunner,
  writer: RunWriter,
  reached: Reach,
): Promise<{ readonly kind: 'settled'; readonly happened: boolean } | CompensationCut> {
  let happened = false;
  for (const effect of doubts(writer, reached)) {
    if (effect.forgot) runner.doubtForgotten(effect.field, effect.forgot);
    const ended = await orBug(effect.name, () => effect.settle(runner));
    const cut = ended && cutShort(writer, ended);
    if (cut) return cut;
    if (ended?.kind === 'completed') happened = true;
  }
  return { kind: 'settled', happened };
}

/** Undoes what was done, the last first, one at a time. */
export async function undoAll(
  runner: StepRunner,
  writer: RunWriter,
  reached: Reach,
): Promise<{ readonly kind: 'undone' } | CompensationCut> {
  for (const { field, name, options } of toUndo(writer, reached)) {
    const record = writer.records.get(field);
    if (record?.kind !== 'completed') continue;
    const ended = await orBug(name, () => runner.undo(undoNameOf(field), options, record.result));
    if (ended.kind === 'rejected') {
      const { error } = ended.record;
      const message = `the undo of step "${name}" was refused: ${error.message}`;
      return { kind: 'dies', failure: { ...error, message, kind: 'compensation_failed', step: name } };
    }
    const cut = cutShort(writer, ended);
    if (cut) return cut;
  }
  return { kind: 'undone' };
}

/** Effects that were started, or may have been, and whose outcome is not recorded. */
function doubts(writer: RunWriter, reached: Reach): Reached[] {
  return [...reached.values()].filter(({ field, forgot }) => {
    const record = writer.records.get(field);
    return record ? isInDoubt(record) : forgot !== undefined;
  });
}

function toUndo(writer: RunWriter, reached: Reach): Reached[] {
  const seqOf = ({ field }: Reached) => writer.records.get(field)?.seq ?? 0;
  return [...reached.values()]
    .filter(({ field, options }) => options.undo && writer.records.get(field)?.kind === 'completed')
    .filter(({ field }) => writer.records.get(undoFieldOf(field))?.kind !== 'completed')
    .sort((a, b) => seqOf(b) - seqOf(a));
}

async function orBug<End>(step: string, act: () => Promise<End>): Promise<End | StepEnd> {
  try {
    return await act();
  } catch (error) {
    return { kind: 'stopped', by: { kind: 'dies', failure: { ...toErrorRecord(error), kind: 'bug', step } } };
  }
}

function cutShort(writer: RunWriter, ended: StepEnd): CompensationCut | undefined {
  switch (ended.kind) {
    case 'completed':
    case 'rejected':
      return undefined;
    case 'waits': {
      const until = ended.waiting.until ?? Number.POSITIVE_INFINITY;
      return { kind: 'waits', waiting: ended.waiting, delayMs: parkMs(until - writer.now()) };
    }
    case 'stopped':
      switch (ended.by.kind) {
        case 'dies':
        case 'handed_back':
        case 'lost':
          return ended.by;
        default:
          throw new Error(`a compensation was stopped by "${ended.by.kind}"`);
      }
  }
}
