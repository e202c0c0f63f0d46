import { OperatorError } from '@holdfast/app-kit';
import { askApi } from './api.ts';
import { type BulkFlags, redriveMany } from './bulk-redrive.ts';
import type { Commands } from './cli.ts';
import { describeRun, waysOn } from './describe-run.ts';
import { printPage, remark, rowsOf, shownId } from './list-runs.ts';
import { type ResolutionFlags, resolutionOf } from './resolution.ts';
import { fullRunId } from './run-id.ts';
import { addPageOptions, type PageFlags, readPages, wholeNumber } from './run-pages.ts';
import { when } from './times.ts';
import { NothingToDoError, UsageError } from './usage.ts';

interface ListFlags extends PageFlags {
  readonly flow?: string;
  readonly code?: string;
}

interface RedriveFlags extends BulkFlags {
  readonly all?: true;
}

interface ResolveFlags extends ResolutionFlags {
  readonly json?: true;
}

export function addDeadLetterCommands({ program, io, ends }: Commands): void {
  const letters = program
    .command('dead-letters')
    .description('lists and resolves dead runs, which wait for a person');
  const act = async (runId: string, action: string, json: true | undefined, body?: unknown) => {
    const path = `/v1/dead-letters/${encodeURIComponent(await fullRunId(io, runId))}/${action}`;
    const run = await askApi(io, 'POST', path, body);
    io.out(json ? `${JSON.stringify(run, null, 2)}\n` : describeRun(io, run));
  };

  addPageOptions(
    letters
      .command('list')
      .description('lists dead runs and why they died, most recent first')
      .option('--flow <name>', 'only this flow')
      .option('--code <code>', 'only runs with this error code'),
  ).action(async ({ flow, code, json, ...flags }: ListFlags) => {
    printPage(io, await readPages(io, '/v1/dead-letters', { flow, code }, flags), json, {
      none: (of) =>
        flow === undefined && code === undefined ? `No dead letters${of}.` : `No dead letters${of} match.`,
      describe: (page) =>
        rowsOf(io, ['run', 'flow', 'kind', 'since', 'why'], page, (run) => [
          ...[shownId(io, run.id), run.flow, run.error?.kind ?? '', when(io, run.updatedAt), remark(io, run)],
        ]),
    });
  });

  letters
    .command('show <run-id>')
    .description('shows why a run is dead and what can be done')
    .option('--json', 'print JSON')
    .action(async (runId: string, { json }: { json?: true }) => {
      const run = await askApi(io, 'GET', `/v1/runs/${encodeURIComponent(await fullRunId(io, runId))}`);
      if (run.status !== 'dead') {
        throw new OperatorError(
          `${run.id} is ${run.status}, not dead.\n\`holdfast runs show ${run.id}\` shows more.`,
        );
      }
      io.out(json ? `${JSON.stringify(run, null, 2)}\n` : `${describeRun(io, run)}\n${waysOn(run)}`);
    });

  letters
    .command('redrive [run-id]')
    .description('continues from the step that failed, with fresh attempts; completed steps are not repeated')
    .option('--all', 'every dead run that matches the other options')
    .option('--flow <name>', 'every dead run of this flow')
    .option('--code <code>', 'every dead run with this error code')
    .option('--limit <n>', 'at most this many runs, up to 10000', wholeNumber)
    .option('--rate <n>', 'runs per second (default 50)', wholeNumber)
    .option('--dry-run', 'count the runs and change nothing')
    .option('--yes', 'do not ask before redriving many')
    .option('--json', 'print JSON')
    .action(async (runId: string | undefined, { all, ...flags }: RedriveFlags) => {
      const { json, ...many } = flags;
      const filtered = all === true || flags.flow !== undefined || flags.code !== undefined;
      const { yes: _, ...filters } = many;
      if (runId !== undefined && (all || Object.keys(filters).length > 0)) {
        throw new UsageError('Give either the id of one run, or --all, --flow or --code for many.');
      }
      if (runId !== undefined) {
        const run = await askApi(io, 'GET', `/v1/runs/${encodeURIComponent(await fullRunId(io, runId))}`);
        if (run.status === 'dead') return act(run.id, 'redrive', json);
        throw new NothingToDoError(
          `${run.id} is ${run.status}, not dead: there is nothing to redrive. Nothing was done.`,
        );
      }
      if (!filtered) {
        throw new UsageError(
          'Which runs? Give the id of one, or --flow, --code or --all for many.\nAdd --dry-run to count them first.',
        );
      }
      ends((await redriveMany(io, flags)) ? 0 : 1);
    });

  letters
    .command('discard <run-id>')
    .alias('cancel')
    .description('gives up a run: undoes its effects and ends it as cancelled')
    .option('--json', 'print JSON')
    .action((runId: string, { json }: { json?: true }) => act(runId, 'cancel', json));

  letters
    .command('resolve <run-id>')
    .description('records what happened to an effect in doubt, or to its undo, and continues the run')
    .requiredOption('--step <name>', 'the step')
    .option('--happened [result]', 'the effect happened; the JSON is the result the step would have returned')
    .option('--did-not-happen', 'the effect did not happen: the step is tried again')
    .option('--undone', 'the effect was undone, by the run or by hand: the run is cancelled')
    .option('--not-undone', 'an undo in doubt did not happen: it is done again')
    .option('--json', 'print JSON')
    .action((runId: string, { json, ...flags }: ResolveFlags) =>
      act(runId, 'resolve', json, resolutionOf(flags)),
    );
}
