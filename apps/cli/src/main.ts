import { createInterface } from 'node:readline/promises';
import { runCli } from './cli.ts';
import { forTerminal } from './io.ts';

/** @returns true for y or yes */
async function confirm(question: string): Promise<boolean> {
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await asking.question(forTerminal(question))).trim());
  } finally {
    asking.close();
  }
}

// a reader who closes the pipe early, as `head` does, is no error
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

process.exitCode = await runCli(process.argv.slice(2), {
  env: process.env,
  out: (text) => process.stdout.write(forTerminal(text)),
  err: (text) => process.stderr.write(forTerminal(text)),
  outIsTerminal: process.stdout.isTTY === true,
  errIsTerminal: process.stderr.isTTY === true,
  columns: process.stdout.columns,
  confirm: process.stdin.isTTY === true && process.stderr.isTTY === true ? confirm : undefined,
});
