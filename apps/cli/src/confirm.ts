import type { Io } from './io.ts';
import { UsageError } from './usage.ts';

/**
 * Asks a person before something is done that cannot be taken back.
 * @param what will happen, as a whole sentence
 * @param yes it was said beforehand
 * @returns false when the person does not want it
 * @throws UsageError where nobody can be asked
 */
export async function sure(io: Io, what: string, yes: true | undefined): Promise<boolean> {
  if (yes) return true;
  if (!io.confirm)
    throw new UsageError(`${what}\nThis is not a terminal, so nobody can confirm. Add --yes to go ahead.`);
  return io.confirm(`${what} Go on? [y/N] `);
}
