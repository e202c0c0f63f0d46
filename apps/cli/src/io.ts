import { createColors } from 'picocolors';

/** What a command reads and writes besides its arguments. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Results: standard output. */
  readonly out: (text: string) => void;
  /** Errors and progress: standard error. */
  readonly err: (text: string) => void;
  /** Standard output is a terminal. */
  readonly outIsTerminal: boolean;
  /** Standard error is a terminal. */
  readonly errIsTerminal: boolean;
}

export type Colors = ReturnType<typeof createColors>;

/** Colours on a terminal only, and not where NO_COLOR is set. */
export function colorsOf(io: Io): Colors {
  return createColors(io.outIsTerminal && !io.env.NO_COLOR);
}

/** `1204` → `1,204`. */
export function count(n: number): string {
  return n.toLocaleString('en-US');
}
