import { parseArgs } from 'node:util';

export const USAGE = `Usage: npm start [-- --workers <number>] [-- --reset], or holdfast dev [--workers <number>] [--reset]

  --workers <number>  worker processes, 0 to 64 (default 2)
  --reset             forget the data of earlier starts first`;

export type StartOptions =
  | { readonly kind: 'start'; readonly workers: number; readonly reset: boolean }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly message: string };

export function parseStartOptions(args: readonly string[]): StartOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        workers: { type: 'string', default: '2' },
        reset: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return { kind: 'help' };
    const workers = /^\d{1,2}$/.test(values.workers) ? Number(values.workers) : Number.NaN;
    if (workers >= 0 && workers <= 64) return { kind: 'start', workers, reset: values.reset };
    const got = JSON.stringify(values.workers);
    return { kind: 'wrong', message: `--workers: expected a whole number from 0 to 64, got ${got}` };
  } catch (error) {
    // parseArgs says what it did not understand, in its first sentence.
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'wrong', message: message.split('. ', 1)[0] ?? message };
  }
}
