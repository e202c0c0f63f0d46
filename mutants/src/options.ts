import { parseArgs } from 'node:util';

export const USAGE = `Usage: npm run mutants [-- --only <text>] [-- --list]

  --only <text>  only mutants with this in their name or their file
  --list         name them and plant none`;

export type ParsedOptions =
  | { readonly kind: 'run' | 'list'; readonly only: string }
  | { readonly kind: 'help' }
  | { readonly kind: 'wrong'; readonly message: string };

export function parseOptions(args: readonly string[]): ParsedOptions {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        only: { type: 'string', default: '' },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', short: 'h', default: false },
      },
    });
    if (values.help) return { kind: 'help' };
    return { kind: values.list ? 'list' : 'run', only: values.only };
  } catch (error) {
    // parseArgs says what it did not understand, in its first sentence
    const message = error instanceof Error ? error.message : String(error);
    return { kind: 'wrong', message: message.split('. ', 1)[0] ?? message };
  }
}
