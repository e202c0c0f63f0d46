import { stripVTControlCharacters } from 'node:util';
import Table from 'cli-table3';
import type { Io } from './io.ts';

/** How wide a line may be: that of a terminal, 80 where it does not say; on a pipe, any. */
export function widthOf(io: Io): number | undefined {
  return io.outIsTerminal ? (io.columns ?? 80) : undefined;
}

const LAST_LEAST = 12;
const INDENT = 2;
const GAP = 2;

/**
 * Aligned columns without lines.
 * @param right those of numbers
 * @param width of a line: the last column is cut to fit
 */
export function table(
  rows: readonly (readonly string[])[],
  right: readonly number[] = [],
  width?: number,
): string {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const wide = (column: number) => Math.max(0, ...rows.map((row) => plain(row[column] ?? '').length)) + GAP;
  const others = Array.from({ length: Math.max(0, columns - 1) }, (_, column) => wide(column));
  const left = (width ?? 0) - INDENT - others.reduce((sum, each) => sum + each, 0);
  const cut = width !== undefined && columns > 1 && wide(columns - 1) > left;
  const drawn = new Table({
    ...(cut && { colWidths: [...others, Math.max(LAST_LEAST, left)] }),
    colAligns: Array.from({ length: columns }, (_, i) => (right.includes(i) ? 'right' : 'left')),
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    chars: {
      ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
      ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
      ...{ left: '  ', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '' },
    },
  });
  for (const row of rows) drawn.push([...row]);
  return drawn.toString().replaceAll(/ +$/gm, '');
}

function plain(text: string): string {
  return stripVTControlCharacters(text);
}
