import { inWords } from '@holdfast/run-view';
import type { Io } from './io.ts';

/** When something was: as it is felt on a terminal, exactly on a pipe. */
export function when(io: Io, iso: string, now = Date.now()): string {
  if (!io.outIsTerminal) return iso;
  const ago = now - Date.parse(iso);
  if (!Number.isFinite(ago)) return iso;
  if (Math.abs(ago) < 1_000) return 'now';
  return ago > 0 ? `${inWords(ago)} ago` : `in ${inWords(-ago)}`;
}
