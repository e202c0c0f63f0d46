import { parseField, undoFieldOf, undoNameOf } from '../journal/identity.ts';
import { type DriveEnd, parkMs, type Reached } from './execution.ts';
import type { RunWriter } from './run-writer.ts';
import type { StepEnd, StepRunner } from './step-runner.ts';

export type CompensationEnd =
  | { readonly kind: 'undone' }
  | Extract<DriveEnd, { kind: 'waits' | 'dies' | 'handed_back' | 'lost' }>;

/** What the flow has reached, by field. */
type Reach = ReadonlyMap<string, Reached>;

/** True when something is left to be undone, or to be found out before. */
export function needsCompensation(writer: RunWriter, reached: Reach): boolean {
  return inDoubt(writer, reached).length > 0 || toUndo(writer, reached).length > 0;
}

/** True when something that was done stays done. */
export function effectsStand(writer: RunWriter): boolean {
  return [...writer.records].some(([field, record]) => {
    const at = parseField(field);
    if (record.kind !== 'completed' || (at?.kind !== 'step' && at?.kind !== 'child')) return false;
    return writer.records.get(undoFieldOf(field))?.kind !== 'completed';
  });
}

/** Finds out what happened to effects in doubt, then undoes what was done, the last first, one at a time. */
export async function compensate(
  runner: StepRunner,
  writer: RunWriter,
  reached: Reach,
): Promise<CompensationEnd> {
  for (const effect of inDoubt(writer, reached)) {
    const cut = cutShort(writer, await effect.resolve(runner));
    if (cut) return cut;
  }
  for (const { field, name, options } of toUndo(writer, reached)) {
    const record = writer.records.get(field);
    if (record?.kind !== 'completed') continue;
    const ended = await runner.undo(undoNameOf(field), options, record.result);
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

function inDoubt(writer: RunWriter, reached: Reach): Reached[] {
  return [...reached.values()].filter(({ field, mayHaveStarted }) => {
    const record = writer.records.get(field);
    if (!record) return mayHaveStarted;
    return (
      record.kind === 'started' || record.kind === 'waiting' || (record.kind === 'retrying' && record.inDoubt)
    );
  });
}

function toUndo(writer: RunWriter, reached: Reach): Reached[] {
  const seqOf = ({ field }: Reached) => writer.records.get(field)?.seq ?? 0;
  return [...reached.values()]
    .filter(({ field, options }) => options.undo && writer.records.get(field)?.kind === 'completed')
    .filter(({ field }) => writer.records.get(undoFieldOf(field))?.kind !== 'completed')
    .sort((a, b) => seqOf(b) - seqOf(a));
}

function cutShort(writer: RunWriter, ended: StepEnd): CompensationEnd | undefined {
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
