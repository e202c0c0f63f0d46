import { spawn } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { type Mutant, plant, type Tests } from './mutant.ts';

/** What became of a mutant. */
export type Verdict =
  | { readonly is: 'noticed'; readonly by: string }
  | { readonly is: 'survived' }
  | { readonly is: 'does_not_compile'; readonly output: string };

export type TestRun =
  | { readonly passed: true }
  /** `by`: the first test that failed, or why none could be told. */
  | { readonly passed: false; readonly by: string };

/** A test run that takes longer has noticed something; the slowest takes well under a minute. */
const TESTS_TIMEOUT_MS = 180_000;
const BUILD_TIMEOUT_MS = 120_000;

/** What the tests of the engine need built. */
const BUILT = ['packages/engine', 'packages/testkit'];

/** Plants a bug in the scratch copy, runs the tests that should notice it, and takes it out again. */
export async function tryMutant(scratch: string, mutant: Mutant): Promise<Verdict> {
  const file = join(scratch, mutant.file);
  const source = readFileSync(file, 'utf8');
  writeFileSync(file, plant(mutant, source));
  try {
    const built = await build(scratch);
    if (!built.ok) return { is: 'does_not_compile', output: built.output };
    const run = await runTests(scratch, mutant.tests);
    return run.passed ? { is: 'survived' } : { is: 'noticed', by: run.by };
  } finally {
    writeFileSync(file, source);
  }
}

export function build(scratch: string): Promise<{ readonly ok: boolean; readonly output: string }> {
  const tsc = join(scratch, 'node_modules', 'typescript', 'bin', 'tsc');
  return run(scratch, [tsc, '-b', ...BUILT], BUILD_TIMEOUT_MS);
}

export async function runTests(scratch: string, { files, named }: Tests): Promise<TestRun> {
  const report = join(scratch, 'report.json');
  rmSync(report, { force: true });
  const vitest = join(scratch, 'node_modules', 'vitest', 'vitest.mjs');
  const filter = named === undefined ? [] : ['--testNamePattern', named];
  const ran = await run(
    scratch,
    [vitest, 'run', ...files, ...filter, '--bail=1', '--reporter=json', `--outputFile=${report}`],
    TESTS_TIMEOUT_MS,
  );
  if (ran.ok) return { passed: true };
  return { passed: false, by: firstFailure(report) ?? lastLine(ran.output) };
}

const REPORT = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      message: z.string().optional(),
      assertionResults: z.array(z.object({ status: z.string(), fullName: z.string() })),
    }),
  ),
});

function firstFailure(report: string): string | undefined {
  const { testResults } = REPORT.parse(JSON.parse(readIfThere(report) ?? '{"testResults":[]}'));
  for (const { name, message, assertionResults } of testResults) {
    const failed = assertionResults.find(({ status }) => status === 'failed');
    if (failed) return `${basename(name)} › ${failed.fullName.trim()}`;
    if (message) return `${basename(name)}: ${lastLine(message)}`;
  }
  return undefined;
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

function lastLine(output: string): string {
  return output.trim().split('\n').at(-1) ?? '';
}

function run(
  cwd: string,
  args: readonly string[],
  timeoutMs: number,
): Promise<{ readonly ok: boolean; readonly output: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, {
      cwd,
      timeout: timeoutMs,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NO_COLOR: '1' },
    });
    let output = '';
    const take = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on('data', take);
    child.stderr.on('data', take);
    child.on('error', (error) => resolve({ ok: false, output: error.message }));
    child.on('close', (code, signal) => {
      if (signal) output += `\nended by ${signal} after ${timeoutMs} ms`;
      resolve({ ok: code === 0, output });
    });
  });
}
