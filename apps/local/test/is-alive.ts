import { readFileSync } from 'node:fs';

/** Whether a process with this id runs. One that has ended and only waits for its parent to notice does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  return stateOf(pid) !== 'Z';
}

function stateOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ', 2)[1]?.[0];
  } catch {
    return undefined; // no /proc here, or just gone
  }
}
