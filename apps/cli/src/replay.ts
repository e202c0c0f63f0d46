import { encryptionKeys, readConfig } from '@holdfast/app-kit';
import { isTerminal } from '@holdfast/engine';
import { type Replay, type ReplayOptions, recordedRuns, replayRun } from '@holdfast/engine/replay';
import { loadConfig } from '@holdfast/project';
import { InvalidArgumentError } from 'commander';
import type { Commands } from './cli.ts';
import { count } from './io.ts';
import { startProgress } from './progress.ts';
import { withRedis } from './redis.ts';
import { table } from './table.ts';

interface ReplayFlags {
  readonly flow?: string;
  readonly limit?: number;
  readonly redis?: string;
  readonly json?: true;
}

/** @param flows what recorded runs are replayed with */
export function addReplayCommand({ program, io, ends }: Commands): void {
  program
    .command('replay')
    .description(
      "replays recorded runs against today's code, without any effect; exit code 1 when one diverges",
    )
    .option('--flow <name>', 'only this flow')
    .option('--limit <n>', 'at most this many runs; unfinished ones come first', wholeNumber)
    .option('--redis <url>', 'Redis to use (default: HOLDFAST_REDIS_URL, else the one of the local system)')
    .option('--json', 'print JSON')
    .action(async ({ flow, limit, redis, json }: ReplayFlags) => {
      const { flows, codec } = await loadConfig(io.env);
      // what flows have read of encrypted state
      const sealer = readConfig(
        { HOLDFAST_ENCRYPTION_KEYS: encryptionKeys },
        io.env,
      ).HOLDFAST_ENCRYPTION_KEYS;
      const result = await withRedis(io, redis, async (connection) => {
        const runIds = await collect(recordedRuns(connection, flow), limit);
        const progress = startProgress(io, runIds.length, 'runs');
        const replays = await replayAll({ connection, flows, codec, sealer }, runIds, progress.step);
        progress.stop();
        return summarize(replays);
      });
      if (json) io.out(`${JSON.stringify(result, null, 2)}\n`);
      else io.out(describe(result));
      ends(result.ok ? 0 : 1);
    });
}

/** So many are read and played back at once. */
const AT_ONCE = 16;

async function replayAll(
  options: ReplayOptions,
  runIds: readonly string[],
  onEach: () => void,
): Promise<Replay[]> {
  const replays: Replay[] = [];
  const left = runIds.values();
  const lane = async () => {
    for (const runId of left) {
      const replay = await replayRun(options, runId);
      if (replay) replays.push(replay);
      onEach();
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));
  return replays;
}

interface Result {
  readonly ok: boolean;
  readonly summary: { runs: number; fit: number; diverged: number; versionMissing: number };
  /** Those that do not fit. */
  readonly runs: readonly Replay[];
}

/** An ended run whose version is gone asks nothing of today's code; any other needs it. */
function summarize(replays: readonly Replay[]): Result {
  const of = (outcome: Replay['outcome']) => replays.filter((replay) => replay.outcome === outcome);
  const [diverged, missing] = [of('diverged'), of('version_missing')];
  return {
    ok: diverged.length === 0 && missing.every(({ status }) => isTerminal(status)),
    summary: {
      ...{ runs: replays.length, fit: of('fits').length },
      ...{ diverged: diverged.length, versionMissing: missing.length },
    },
    runs: [...diverged, ...missing].sort((a, b) => (a.runId < b.runId ? -1 : 1)),
  };
}

function describe({ ok, summary, runs }: Result): string {
  if (summary.runs === 0) return 'There are no recorded runs to replay.\n';
  const lines = runs.map(({ runId, flow, version, status, ...replay }) => [
    ...[runId, `${flow} v${version}`, status],
    replay.outcome === 'diverged'
      ? `the journal ${replay.journal}; the code ${replay.code}`
      : `version ${version} is not registered`,
  ]);
  const { fit, diverged, versionMissing } = summary;
  const told = [
    `${count(fit)} fit`,
    ...(diverged > 0 ? [`${count(diverged)} diverge`] : []),
    ...(versionMissing > 0 ? [`${count(versionMissing)} have a version that is not registered`] : []),
  ];
  return [
    ...(lines.length > 0 ? [`${table(lines)}\n`] : []),
    `${count(summary.runs)} ${summary.runs === 1 ? 'run' : 'runs'} replayed: ${told.join(', ')}.`,
    ok
      ? "Recorded runs continue with today's code."
      : 'Register the changed flow as a new version beside the old one, then replay again.',
    '',
  ].join('\n');
}

async function collect(runIds: AsyncIterable<string>, limit: number | undefined): Promise<string[]> {
  const collected: string[] = [];
  for await (const runId of runIds) {
    if (limit !== undefined && collected.length >= limit) break;
    collected.push(runId);
  }
  return collected;
}

function wholeNumber(text: string): number {
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('Expected a whole number of at least 1.');
}
