import { SingleBar } from 'cli-progress';
import { type BenchProgress, runBench } from './bench.ts';
import { contenders } from './contenders/all.ts';
import { CONTENDERS } from './contenders/contender.ts';
import { type BenchOptions, parseOptions, USAGE } from './options.ts';
import { report } from './report.ts';
import { summarize } from './summary.ts';

const parsed = parseOptions(process.argv.slice(2));
switch (parsed.kind) {
  case 'help':
    console.log(USAGE);
    break;
  case 'wrong':
    console.error(`${parsed.message}\n\n${USAGE}`);
    process.exitCode = 2;
    break;
  case 'bench':
    process.exitCode = await bench(parsed.options).catch((error: unknown) => {
      console.error(`The benchmark broke off: ${error instanceof Error ? error.message : String(error)}`);
      return 2;
    });
}

/** @returns the exit code: 1 when a floor is broken */
async function bench(options: BenchOptions): Promise<number> {
  const ran = await runBench(options, showProgress(options));
  const summary = summarize(ran, options.floor);
  console.log(report(ran, summary, options));
  if (options.json) {
    const { date, machine, rounds } = ran;
    console.log(JSON.stringify({ date, machine, options, ...summary, rounds }));
  }
  return summary.held ? 0 : 1;
}

/** A bar on a terminal, a line per round on a pipe; on stderr, so that stdout has the figures alone. */
function showProgress(options: BenchOptions): BenchProgress {
  const turns = options.rounds * CONTENDERS.length;
  const perTurn = Math.floor(options.runs / options.rounds);
  if (!process.stderr.isTTY) {
    return {
      onTurn(round, contender) {
        console.error(`round ${round} of ${options.rounds}: ${contenders[contender].label}`);
      },
      onTurnDone() {},
      onEnd() {},
    };
  }
  const startedAt = performance.now();
  const bar = new SingleBar({
    format: '{bar} {value}/{total} runs · {rate}/s · {left} left · {contender}',
    hideCursor: true,
    clearOnComplete: true,
  });
  bar.start(turns * perTurn, 0, { rate: '–', left: '–', contender: '' });
  let done = 0;
  return {
    onTurn(_round, contender) {
      bar.update(done * perTurn, { contender: contenders[contender].label });
    },
    onTurnDone() {
      done += 1;
      const seconds = (performance.now() - startedAt) / 1_000;
      const left = Math.ceil((seconds / done) * (turns - done));
      bar.update(done * perTurn, { rate: Math.round((done * perTurn) / seconds), left: `${left} s` });
    },
    onEnd() {
      bar.stop();
    },
  };
}
