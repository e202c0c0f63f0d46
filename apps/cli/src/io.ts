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
  /** Of the terminal that standard output is. */
  readonly columns?: number | undefined;
  /** Asks the person at the terminal; undefined where there is none. */
  readonly confirm?: ((question: string) => Promise<boolean>) | undefined;
}

export type Colors = ReturnType<typeof createColors>;

/** Colours on a terminal only, and not where NO_COLOR is set. */
export function colorsOf(io: Io): Colors {
  return createColors(io.outIsTerminal && !io.env.NO_COLOR);
}

/** A run's status, in its colour. */
export function statusWord(io: Io, status: string): string {
  const colors = colorsOf(io);
  const paint = {
    completed: colors.green,
    dead: colors.red,
    failed: colors.red,
    running: colors.blue,
    compensating: colors.yellow,
  }[status];
  return paint ? paint(status) : status;
}

/** `1204` → `1,204`. */
export function count(n: number): string {
  return n.toLocaleString('en-US');
}
