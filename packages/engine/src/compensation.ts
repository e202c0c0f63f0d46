import type { DriveEnd, ReachedStep } from './execution.ts';
import type { RunWriter } from './run-writer.ts';
import type { StepEnd, StepRunner } from './step-runner.ts';

export type CompensationEnd =
  | { readonly end: 'undone' }
  | Extract<DriveEnd, { end: 'waits' | 'dies' | 'handed_back' | 'lost' }>;

/**
 * What there is to undo. `interrupted`: an earlier worker died with the run, so that a step which records no intent may have had its
 * effect without any record.
 */
export interface CompensationScope {
  readonly reached: ReadonlyMap<string, ReachedStep>;
  readonly interrupted: boolean;
}

/** True when something is left to be undone, or to be found out before. */
export function needsCompensation(writer: RunWriter, scope: CompensationScope): boolean {
  return inDoubt(writer, scope).length > 0 || toUndo(writer, scope).length > 0;
}

/** Finds out what happened to effects in doubt, then undoes what was done, the last first, one at a time. */
export async function compensate(
  runner: StepRunner,
  writer: RunWriter,
  scope: CompensationScope,
): Promise<CompensationEnd> {
  for (const { name, options } of inDoubt(writer, scope)) {
    const cut = cutShort(writer, await runner.resolve(name, options, writer.open('step', name)));
    if (cut) return cut;
  }
  for (const { name, options } of toUndo(writer, scope)) {
    const record = writer.records.get(name);
    if (record?.is !== 'completed') continue;
    const ended = await runner.undo(name, options, record.result, writer.undos.get(name));
    if (ended.is === 'rejected') {
      const { error } = ended.record;
      const message = `the undo of step "${name}" was refused: ${error.message}`;
      return { end: 'dies', failure: { ...error, message, kind: 'compensation_failed', step: name } };
    }
    const cut = cutShort(writer, ended);
    if (cut) return cut;
  }
  return { end: 'undone' };
}

function inDoubt(writer: RunWriter, { reached, interrupted }: CompensationScope): ReachedStep[] {
  return [...reached.values()].filter(({ name, options }) => {
    const record = writer.records.get(name);
    if (!record) return interrupted && options.whenInDoubt === 'repeat';
    return record.is === 'started' || (record.is === 'retrying' && record.inDoubt);
  });
}

function toUndo(writer: RunWriter, { reached }: CompensationScope): ReachedStep[] {
  const seqOf = ({ name }: ReachedStep) => writer.records.get(name)?.seq ?? 0;
  return [...reached.values()]
    .filter(({ name, options }) => options.undo && writer.records.get(name)?.is === 'completed')
    .filter(({ name }) => writer.undos.get(name)?.is !== 'completed')
    .sort((a, b) => seqOf(b) - seqOf(a));
}

function cutShort(writer: RunWriter, ended: StepEnd): CompensationEnd | undefined {
  switch (ended.is) {
    case 'completed':
    case 'rejected':
      return undefined;
    case 'waits':
      return {
        end: 'waits',
        waiting: ended.waiting,
        delayMs: Math.max(0, (ended.waiting.until ?? 0) - writer.now()),
      };
    case 'stopped':
      switch (ended.by.end) {
        case 'dies':
        case 'handed_back':
        case 'lost':
          return ended.by;
        default:
          throw new Error(`a compensation was stopped by "${ended.by.end}"`);
      }
  }
}
