import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { OperatorError } from '@holdfast/app-kit';
import { readRecorded } from '@holdfast/engine/replay';
import { InvalidArgumentError } from 'commander';
import type { Commands } from './cli.ts';
import type { Io } from './io.ts';
import { withRedis } from './redis.ts';
import { fullRunId } from './run-id.ts';

interface DebugFlags {
  /** False for `--no-break`. */
  readonly break: boolean;
  readonly port?: number;
  readonly redis?: string;
  readonly json?: true;
}

const CHILD = fileURLToPath(import.meta.resolve('@holdfast/cli/debug-child'));
const DEFAULT_PORT = 9229;

export function addDebugCommand({ program, io, ends }: Commands): void {
  program
    .command('debug')
    .description(
      "downloads a run and replays today's flow over it under the debugger (node --inspect-brk): steps give their recorded results, and nothing is called; exit code 1 when the flow does not fit the record",
    )
    .argument('<run>', 'its id, or how that begins')
    .option('--no-break', 'only replay, without the debugger')
    .option('--port <port>', `where the debugger listens on 127.0.0.1 (default: ${DEFAULT_PORT})`, portNumber)
    .option('--redis <url>', 'default: HOLDFAST_REDIS_URL, else that of the system that runs here')
    .option('--json', 'print JSON')
    .action(async (text: string, flags: DebugFlags) => {
      const runId = await fullRunId(io, text);
      const recorded = await withRedis(io, flags.redis, (connection) => readRecorded(connection, runId));
      if (!recorded)
        throw new OperatorError(
          `There is no run ${runId} in this Redis, or it has expired.\nList runs with: holdfast runs list`,
        );
      const folder = await mkdtemp(join(tmpdir(), 'holdfast-debug-'));
      try {
        const file = join(folder, `${runId}.json`);
        // as Redis has it: what is encrypted there is encrypted here
        await writeFile(file, JSON.stringify(recorded), { mode: 0o600 });
        ends((await play(io, file, flags)) === 0 ? 0 : 1);
      } finally {
        await rm(folder, { recursive: true, force: true });
      }
    });
}

/** @returns the exit code of the process that has replayed it */
function play(
  io: Io,
  file: string,
  { break: breaks, port = DEFAULT_PORT, json }: DebugFlags,
): Promise<number | null> {
  const inspect = breaks ? [`--inspect-brk=127.0.0.1:${port}`] : [];
  const child = spawn(
    process.execPath,
    ['--enable-source-maps', ...inspect, CHILD, file, ...(json ? ['--json'] : [])],
    { env: { ...io.env }, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  if (breaks)
    io.err(
      'Open chrome://inspect, or attach your editor. Continue once: the debugger stops again where your flow is about to begin.\n',
    );
  child.stdout.setEncoding('utf8').on('data', io.out);
  child.stderr.setEncoding('utf8').on('data', io.err);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
}

function portNumber(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (port <= 65_535) return port;
  throw new InvalidArgumentError('It must be a port from 0 to 65535 (0 picks a free one).');
}
