import { runMain } from '@holdfast/app-kit';
import { explainStartError, outliveClosedOutput, stopSignal } from '@holdfast/local';
import { runsNamedIn, traceOf, writeEvidence } from './evidence.ts';
import { type ProveOptions, parseOptions, USAGE } from './options.ts';
import { prove } from './prove.ts';
import { report } from './report.ts';
import { type ProvedSystem, startProvedSystem } from './system.ts';

/** How many traces are printed; the file has them all. */
const TRACES = 3;

const parsed = parseOptions(process.argv.slice(2));
switch (parsed.kind) {
  case 'help':
    console.log(USAGE);
    break;
  case 'wrong':
    console.error(`${parsed.message}\n\n${USAGE}`);
    process.exitCode = 2;
    break;
  case 'prove':
    runMain(async () => process.exit(await proveIt(parsed.options)));
}

/** @returns the exit code: 1 when a rule was broken or too little happened, 130 when it was stopped */
async function proveIt({
  seconds,
  workers,
  seed = Math.floor(Math.random() * 2 ** 31),
}: ProveOptions): Promise<number> {
  outliveClosedOutput();
  const signal = stopSignal();
  console.error(`Seed ${seed}. Starting Redis and its replica, the sandbox, the API and ${workers} workers…`);
  let system: ProvedSystem | undefined;
  let keepHome = false;
  try {
    system = await startProvedSystem(workers, signal);
    const { ran, verdict } = await prove(system, { seconds, seed, signal });
    console.log(report(ran, verdict));
    if (verdict.kind === 'held') return 0;
    if (verdict.kind === 'violated') {
      keepHome = true;
      const evidence = writeEvidence(system.home, ran, verdict.violations, seed);
      for (const id of runsNamedIn(verdict.violations).slice(0, TRACES)) {
        console.log(JSON.stringify(traceOf(ran, id), null, 1));
      }
      console.log(`Evidence: ${evidence}; the ledger and the logs are beside it.`);
    }
    console.log(
      `The same orders, faults and acts again: npm run prove -- --seed ${seed} --seconds ${seconds} --workers ${workers}`,
    );
    return 1;
  } catch (error) {
    if (!signal.aborted) throw explainStartError(error);
    return 130;
  } finally {
    await system?.stop(keepHome);
  }
}
