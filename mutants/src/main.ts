import { fileURLToPath } from 'node:url';
import { createColors } from 'picocolors';
import type { Mutant } from './mutant.ts';
import { MUTANTS } from './mutants.ts';
import { parseOptions, USAGE } from './options.ts';
import { makeScratch, removeScratch } from './scratch.ts';
import { build, runTests, tryMutant, type Verdict } from './trial.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const colors = createColors(process.stdout.isTTY === true && !process.env.NO_COLOR);

const parsed = parseOptions(process.argv.slice(2));
switch (parsed.kind) {
  case 'help':
    console.log(USAGE);
    break;
  case 'wrong':
    console.error(`${parsed.message}\n\n${USAGE}`);
    process.exitCode = 2;
    break;
  case 'list':
    for (const { name, file } of chosen(parsed.only)) console.log(`${name}  ${colors.dim(file)}`);
    break;
  case 'run':
    process.exitCode = await runMutants(chosen(parsed.only));
}

function chosen(only: string): readonly Mutant[] {
  return MUTANTS.filter(({ name, file }) => name.includes(only) || file.includes(only));
}

/** @returns the exit code: 0 when each was noticed, 1 when one was not, 2 when that could not be told */
async function runMutants(mutants: readonly Mutant[]): Promise<number> {
  if (mutants.length === 0) {
    console.error('No mutant is called so. See them all with: npm run mutants -- --list');
    return 2;
  }
  const scratch = makeScratch(ROOT);
  const endEarly = () => {
    removeScratch(scratch);
    process.exit(130);
  };
  process.once('SIGINT', endEarly).once('SIGTERM', endEarly);
  try {
    if (!(await passesUnharmed(scratch, mutants))) return 2;
    let missed = 0;
    for (const mutant of mutants) {
      const from = performance.now();
      const verdict = await tryMutant(scratch, mutant);
      if (verdict.is !== 'noticed') missed += 1;
      console.log(line(mutant, verdict, (performance.now() - from) / 1_000));
    }
    console.log(`\n${mutants.length - missed} of ${mutants.length} mutants were noticed.`);
    if (missed > 0) console.log('Write a test that fails with the bug and passes without it.');
    return missed > 0 ? 1 : 0;
  } finally {
    process.off('SIGINT', endEarly).off('SIGTERM', endEarly);
    removeScratch(scratch);
  }
}

/** Tests that fail by themselves notice nothing. */
async function passesUnharmed(scratch: string, mutants: readonly Mutant[]): Promise<boolean> {
  const built = await build(scratch);
  if (!built.ok) {
    console.error(`${built.output}\nThe repository does not build as it is; fix that first.`);
    return false;
  }
  const sets = new Map(mutants.map(({ tests }) => [JSON.stringify(tests), tests]));
  for (const tests of sets.values()) {
    const ran = await runTests(scratch, tests);
    if (ran.passed) continue;
    console.error(`${ran.by}\nfails without any mutant; fix that first.`);
    return false;
  }
  console.log(`The tests pass as they are. Planting ${mutants.length} bugs, one at a time:`);
  return true;
}

function line({ name, file }: Mutant, verdict: Verdict, seconds: number): string {
  const time = colors.dim(`${seconds.toFixed(0)} s`);
  switch (verdict.is) {
    case 'noticed':
      return `${colors.green('✓')} ${name}  ${time}\n  ${colors.dim(verdict.by)}`;
    case 'survived':
      return `${colors.red('✗')} ${name}  ${time}\n  ${colors.red('survived')}: no test failed with this in ${file}`;
    case 'does_not_compile':
      return `${colors.red('✗')} ${name}  ${time}\n  does not compile: ${verdict.output.trim().split('\n')[0]}`;
  }
}
