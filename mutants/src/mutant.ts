/** A bug that is planted: one place in one file, written otherwise. */
export interface Mutant {
  /** The bug, in a few words. */
  readonly name: string;
  /** From the root of the repository. */
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  readonly tests: Tests;
}

/** The tests that should notice it. */
export interface Tests {
  /** From the root of the repository. */
  readonly files: readonly string[];
  /** A part of the names of the tests to run, where a file has slow ones besides. */
  readonly named?: string;
}

export class PlantingError extends Error {
  readonly code = 'planting_failed';
  constructor({ name, file }: Mutant, found: number) {
    super(
      `mutant "${name}": its text stands ${found} times in ${file}; it must stand there once. Write it anew.`,
    );
    this.name = 'PlantingError';
  }
}

/** @returns the source with the bug in it. @throws PlantingError when the place is not found, or not unique */
export function plant(mutant: Mutant, source: string): string {
  const parts = source.split(mutant.find);
  if (parts.length !== 2) throw new PlantingError(mutant, parts.length - 1);
  return parts.join(mutant.replace);
}
