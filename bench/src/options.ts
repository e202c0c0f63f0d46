import { parseArgs } from 'node:util';

export const USAGE = `Usage: npm run bench [-- --runs <number>] [--rounds <number>] [--concurrency <number>] [--floor <ratio>] [--quick] [--json]

  --runs <number>         runs of each contender, over all rounds (default 10000)
  --rounds <number>       rounds, in which the contenders take turns (default 5)
  --concurrency <number>  runs at once in the worker, and submits at once (default 50)
  --floor <ratio>         exit 1 when Holdfast is slower than this, times BullMQ by hand (default 0.5)
  --quick                 100 runs in one round and no floor: says whether it works, not how fast it is
  --json                  print one JSON object last`;

export interface BenchOptions {
  readonly runs: number;
  readonly rounds: number;
  readonly concurrency: number;
  /** Undefined: none is held. */
  readonly floor: number | undefined;
  readonly json: boolean;
}

export type ParsedOptions =
  | { readonly kind: 'bench'; readonly options: BenchOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly message: string };

const USUAL = { runs: 10_000, rounds: 5, floor: 0.5 };
const QUICK = { runs: 100, rounds: 1, floor: undefined };

export function parseOptions(args: readonly string[]): ParsedOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        runs: { type: 'string' },
        rounds: { type: 'string' },
        concurrency: { type: 'string', default: '50' },
        floor: { type: 'string' },
        quick: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return { kind: 'help' };
    const usual = values.quick ? QUICK : USUAL;
    const rounds = values.rounds === undefined ? usual.rounds : whole('rounds', values.rounds, 1, 1_000);
    return {
      kind: 'bench',
      options: {
        rounds,
        runs:
          values.runs === undefined
            ? Math.max(usual.runs, rounds)
            : whole('runs', values.runs, rounds, 1_000_000),
        concurrency: whole('concurrency', values.concurrency, 1, 1_000),
        floor: values.floor === undefined ? usual.floor : ratio('floor', values.floor),
        json: values.json,
      },
    };
  } catch (error) {
    // parseArgs says what it did not understand, in its first sentence
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'wrong', message: message.split('. ', 1)[0] ?? message };
  }
}

function whole(name: string, text: string, min: number, max: number): number {
  const value = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new RangeError(
    `--${name}: expected a whole number from ${min} to ${max}, got ${JSON.stringify(text)}`,
  );
}

function ratio(name: string, text: string): number {
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text);
  throw new RangeError(`--${name}: expected a number such as 0.8, got ${JSON.stringify(text)}`);
}
