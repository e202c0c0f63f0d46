// Replays a run that was downloaded, in a process of its own, so that a debugger can stop it.
import { readFileSync } from 'node:fs';
import { runInThisContext } from 'node:vm';
import { OperatorError } from '@holdfast/app-kit';
import { UnreadablePayloadError } from '@holdfast/engine';
import { type Played, playBack, type RecordedRun } from '@holdfast/engine/replay';
import { loadConfig } from '@holdfast/project';
import { standing } from '@holdfast/run-view';
import { forTerminal } from './io.ts';

const [, , file = '', json] = process.argv;
const STOP = 'debugger; // step out twice, and into `flow.run`: your flow begins there';
const print = (line: string) => process.stdout.write(`${forTerminal(line)}\n`);

function describe({ run, replay, open }: Played): string[] {
  if (replay.outcome === 'version_missing')
    return [`The config has no flow "${run.flow}" version ${run.version}: nothing could be replayed.`];
  if (replay.outcome === 'diverged') return [`The journal ${replay.journal}; the code ${replay.code}.`];
  return [
    ...open.map((what) => `  ${what}: not over`),
    `The run stands here. ${standing(run, { now: Date.now() })}`,
  ];
}

try {
  const recorded = JSON.parse(readFileSync(file, 'utf8')) as RecordedRun;
  const { flows, codec } = await loadConfig();
  const { flow, version, status } = recorded.fields;
  if (!json) print(`${recorded.runId}, ${flow} v${version}, ${status}: replayed without any effect.`);
  const passed: string[] = [];
  const played = await playBack(
    {
      ...{ flows, codec, timeoutMs: process.execArgv.some(isInspect) ? Number.POSITIVE_INFINITY : 5_000 },
      passed: (what) => (json ? passed.push(what) : print(`  ${what}: as recorded`)),
      begins: () => runInThisContext(STOP, { filename: 'holdfast-debug' }),
    },
    recorded,
  );
  if (json) print(JSON.stringify({ ...played.replay, passed, open: played.open }, null, 2));
  else for (const line of describe(played)) print(line);
  process.exitCode = played.replay.outcome === 'fits' ? 0 : 1;
} catch (error) {
  const known = error instanceof OperatorError || error instanceof UnreadablePayloadError;
  process.stderr.write(
    `${forTerminal(known ? error.message : String(error instanceof Error ? error.stack : error))}\n`,
  );
  process.exitCode = 1;
}

function isInspect(argument: string): boolean {
  return argument.startsWith('--inspect');
}
