import Table from 'cli-table3';
import { colors } from '../terminal.ts';
import { EFFECTS, type Effects } from './sandbox.ts';

/** An order of the story, and what must have come of it. */
export interface Told {
  readonly order: string;
  readonly runId: string;
  readonly status: string;
  readonly expected: Effects;
}

export interface Row extends Told {
  readonly seen: Effects;
  readonly seenStatus: string;
}

const HEADS: Readonly<Record<keyof Effects, string>> = {
  charge: 'charges',
  refund: 'refunds',
  reserve: 'reserved',
  release: 'released',
  label: 'labels',
  void: 'voids',
  send: 'mails',
};

/** A row per order, a column per effect; a number that should be another is marked. */
export function effectsTable(rows: readonly Row[]): string {
  const table = new Table({
    head: ['order', 'status', ...EFFECTS.map((effect) => HEADS[effect])],
    colAligns: ['left', 'left', ...EFFECTS.map(() => 'right' as const)],
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    chars: {
      ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
      ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
      ...{ left: '   ', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '' },
    },
  });
  for (const { order, status, seenStatus, expected, seen } of rows) {
    const mark = (text: string, right: boolean) => (right ? text : colors.red(`${text}✗`));
    table.push([
      order,
      mark(seenStatus, seenStatus === status),
      ...EFFECTS.map((effect) =>
        mark(seen[effect] === 0 ? '·' : String(seen[effect]), seen[effect] === expected[effect]),
      ),
    ]);
  }
  return table.toString().replaceAll(/ +$/gm, '');
}
