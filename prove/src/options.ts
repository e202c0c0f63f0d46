import { parseArgs } from 'node:util';

export const USAGE = `Usage: npm run prove [-- --seconds <number>] [--seed <number>] [--workers <number>]

  --seconds <number>  how long load, faults and people go on, before all heals (default 120)
  --seed <number>     draws the same orders, faults and acts again, in the same order (default: a new one, printed)
  --workers <number>  worker processes (default 3)`;

export interface ProveOptions {
  readonly seconds: number;
  /** Undefined: a new one. */
  readonly seed: number | undefined;
  readonly workers: number;
}

export type ParsedOptions =
  | { readonly kind: 'prove'; readonly options: ProveOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly message: string };

export function parseOptions(args: readonly string[]): ParsedOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        seconds: { type: 'string', default: '120' },
        seed: { type: 'string' },
        workers: { type: 'string', default: '3' },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return { kind: 'help' };
    return {
      kind: 'prove',
      options: {
        seconds: whole('seconds', values.seconds, 10, 86_400),
        seed: values.seed === undefined ? undefined : whole('seed', values.seed, 0, 2 ** 31 - 1),
        workers: whole('workers', values.workers, 2, 16),
      },
    };
  } catch (error) {
    // parseArgs says what it did not understand, in its first sentence
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'wrong', message: message.split('. ', 1)[0] ?? message };
  }
}

function whole(name: string, text: string, min: number, max: number): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new RangeError(
    `--${name}: expected a whole number from ${min} to ${max}, got ${JSON.stringify(text)}`,
  );
}
