import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { OperatorError } from '@holdfast/app-kit';
import { z } from 'zod';

/** `startedAt` tells a process from a later one that was given the same id; it is known where there is a /proc. */
const Owner = z.object({ pid: z.int().positive(), startedAt: z.string().optional() });

/**
 * Makes this process the only one that works in a home. A lock whose owner is gone is taken over.
 * @returns gives it up
 * @throws OperatorError when another live process has it
 */
export function lockHome(home: string): () => void {
  const file = join(home, 'lock');
  const draft = `${file}.${process.pid}`;
  writeFileSync(draft, JSON.stringify({ pid: process.pid, startedAt: startOf(process.pid) }), {
    mode: 0o600,
  });
  try {
    for (;;) {
      if (linkIfAbsent(draft, file)) return () => rmSync(file, { force: true });
      const owner = readOwner(file);
      if (owner && isAlive(owner)) {
        throw new OperatorError(
          `Holdfast is already running in ${home} (process ${owner.pid}).\nStop it first, or set HOLDFAST_HOME to another directory.`,
        );
      }
      rmSync(file, { force: true });
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

function linkIfAbsent(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

function readOwner(file: string): z.infer<typeof Owner> | undefined {
  try {
    return Owner.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined; // given up in between, or not ours: nobody to wait for
  }
}

function isAlive({ pid, startedAt }: z.infer<typeof Owner>): boolean {
  if (startedAt !== undefined && startOf(pid) !== startedAt) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** When the process was started, in clock ticks since the machine was; undefined where there is no /proc. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
