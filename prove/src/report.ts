import Table from 'cli-table3';
import { createColors } from 'picocolors';
import { outcomes } from './judgement/outcomes.ts';
import { recoveries } from './judgement/recovery.ts';
import { tally } from './judgement/tally.ts';
import type { Ran, Verdict } from './judgement/verdict.ts';
import { isOver } from './outside/records.ts';

const colors = createColors(process.stdout.isTTY === true && !process.env.NO_COLOR);

/** The tables at the end: what happened, how fast it was over, and the verdict. */
export function report(ran: Ran, verdict: Verdict): string {
  return [summary(ran), effects(ran), ends(ran), faults(ran), verdictLine(ran, verdict)].join('\n\n');
}

function summary({ facts, sent, accepted }: Ran): string {
  const runs = [...facts.runs.values()];
  const halted = new Set(
    facts.acts.flatMap(({ kind, status, runId }) => (kind === 'resolve' && status === 202 ? [runId] : [])),
  );
  const mails = runs.filter(({ warnings }) => warnings.some(({ kind }) => kind === 'in_doubt')).length;
  const table = plain([]);
  table.push(
    ['orders and payments accepted', `${accepted} of ${sent}`],
    ['runs, all over', `${runs.filter(({ status }) => isOver(status)).length} of ${runs.length}`],
    ['halted in doubt: mails, none sent twice', String(mails)],
    ['halted in doubt: answered by a person', String(halted.size)],
    ['acts of people', String(facts.acts.length)],
    ['calls to HTTP providers', String(facts.calls.length)],
  );
  return table.toString();
}

function effects({ facts }: Ran): string {
  const table = plain(['effect', 'happened', 'duplicated', 'lost'], 3);
  for (const { effect, happened, duplicated, lost } of tally(facts)) {
    const mark = (count: number) => (count === 0 ? '0' : colors.red(String(count)));
    table.push([effect, String(happened), mark(duplicated), mark(lost)]);
  }
  return table.toString();
}

function ends({ facts }: Ran): string {
  const table = plain(['outcome', 'runs'], 1);
  for (const [name, runs] of outcomes(facts)) table.push([name, String(runs)]);
  return table.toString();
}

function faults({ facts, landings }: Ran): string {
  const table = plain(['fault', 'times', 'over after p50', 'p99', 'max'], 4);
  const seconds = (ms: number | undefined) => (ms === undefined ? '–' : `${(ms / 1_000).toFixed(1)} s`);
  for (const { kind, faults, p50, p99, max } of recoveries(facts, landings)) {
    table.push([kind, String(faults), seconds(p50), seconds(p99), seconds(max)]);
  }
  return table.toString();
}

function verdictLine({ facts }: Ran, verdict: Verdict): string {
  switch (verdict.kind) {
    case 'held':
      return colors.green(
        `Held: no rule was broken by ${facts.runs.size} runs with ${facts.ledger.length} effects.`,
      );
    case 'violated':
      return [colors.red(`Violated: ${verdict.violations.length} times.`), ...verdict.violations].join('\n');
    case 'proves_nothing':
      return [colors.red('Proves nothing: too little happened.'), ...verdict.reasons].join('\n');
  }
}

/** @param numbers how many columns, from the right, hold numbers */
function plain(head: readonly string[], numbers = 1): Table.Table {
  const aligned = head.map((_, i) => (i < head.length - numbers ? ('left' as const) : ('right' as const)));
  return new Table({
    head: [...head],
    colAligns: head.length === 0 ? ['left', 'right'] : aligned,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    chars: {
      ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
      ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
      ...{ left: '  ', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '' },
    },
  });
}
