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

/** What follows the escape of a colour that we write ourselves: none of them hides text, moves the cursor or speaks to the terminal. */
const OUR_COLORS = /^\[(?:0|1|2|3|4|22|23|24|3[0-7]|39|9[0-7])m/;
const ESCAPE = '\u001b';

/**
 * Text for a terminal: what comes from payloads, names and providers may hold sequences that would move its cursor, change its title or hide
 * lines. Each control character but tab and line feed, and each that turns the direction of text, is shown as what it is.
 */
export function forTerminal(text: string): string {
  const lines = text.replaceAll('\r\n', '\n');
  return lines.replaceAll(/[\p{Cc}\p{Bidi_Control}]/gu, (found, at: number) => {
    if (found === '\t' || found === '\n') return found;
    if (found === ESCAPE && OUR_COLORS.test(lines.slice(at + 1, at + 5))) return found;
    return `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

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
