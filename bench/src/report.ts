import Table from 'cli-table3';
import { createColors } from 'picocolors';
import type { BenchRun } from './bench.ts';
import { contenders } from './contenders/all.ts';
import type { BenchOptions } from './options.ts';
import { type Figures, type Floor, inOrder, type Summary } from './summary.ts';

const colors = createColors(process.stdout.isTTY === true && !process.env.NO_COLOR);

const COLUMNS: readonly (readonly [head: string, cell: (figures: Figures) => string])[] = [
  ['runs/s', (f) => whole(f.runsPerSecond)],
  ['× by hand', (f) => f.ofByHand.runsPerSecond.toFixed(2)],
  ['× bare', (f) => f.ofBare.runsPerSecond.toFixed(2)],
  ['drained/s', (f) => whole(f.drainedPerSecond)],
  ['× by hand', (f) => f.ofByHand.drainedPerSecond.toFixed(2)],
  ['p50 ms', (f) => f.p50Ms.toFixed(1)],
  ['p99 ms', (f) => f.p99Ms.toFixed(1)],
  ['worker', (f) => f.workerCpuMsPerRun.toFixed(2)],
  ['submitter', (f) => f.submitterCpuMsPerRun.toFixed(2)],
  ['Redis', (f) => f.redisCpuMsPerRun.toFixed(2)],
  ['RSS MB', (f) => whole(f.workerPeakRssBytes / 1e6)],
  ['AOF bytes', (f) => whole(f.aofBytesPerRun)],
];

/** The figures for people; the last lines say what they come to. */
export function report({ machine, rounds }: BenchRun, summary: Summary, options: BenchOptions): string {
  const { runs, concurrency } = options;
  const inRounds = rounds.length === 1 ? 'one round' : `${rounds.length} rounds, medians`;
  return `Four steps of 200 bytes · ${whole(runs)} runs each · ${inRounds} · concurrency ${concurrency} · appendfsync always
${colors.dim(`Node ${machine.node} · Redis ${machine.redis} · ${machine.cores} cores, ${machine.cpu}`)}

${table(summary)}

  runs/s     submitted while they are worked on      drained/s  all queued first, the worker alone
  p50, p99   one run at a time, submit to end seen   worker, submitter, Redis: ms of CPU per run

${summary.floors.map(verdict).join('\n') || 'No floor was asked for.'}
What the figures mean and how to repeat them: docs/benchmarks.md`;
}

function verdict({ atLeast, measured, held }: Floor): string {
  const mark = held ? colors.green('✓ held') : colors.red('✗ broken');
  return `${mark}: runs/s of Holdfast ÷ BullMQ by hand is ${measured.toFixed(2)}, the floor ${atLeast.toFixed(2)}`;
}

function table(summary: Summary): string {
  const drawn = new Table({
    head: ['', ...COLUMNS.map(([head]) => head)],
    colAligns: ['left', ...COLUMNS.map(() => 'right' as const)],
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    chars: {
      ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
      ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
      ...{ left: '  ', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '' },
    },
  });
  for (const [name, figures] of inOrder(summary)) {
    drawn.push([contenders[name].label, ...COLUMNS.map(([, cell]) => cell(figures))]);
  }
  return drawn.toString().replaceAll(/ +$/gm, '');
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}
