import { askApi, type RunJson } from './api.ts';
import type { Commands } from './cli.ts';
import { sure } from './confirm.ts';
import { describeRun, waysOn } from './describe-run.ts';
import { addListCommand } from './list-runs.ts';
import { fullRunId } from './run-id.ts';
import { jsonOf } from './submit.ts';
import { UsageError } from './usage.ts';

export function addRunCommands({ program, io }: Commands): void {
  const runs = program.command('runs').description('lists, shows, cancels and reruns runs');
  addListCommand(runs, io);

  const show = (run: RunJson, json: true | undefined) =>
    io.out(json ? `${JSON.stringify(run, null, 2)}\n` : describeRun(io, run));
  const read = async (text: string) => askApi(io, 'GET', pathOf(await fullRunId(io, text)));

  runs
    .command('show <run-id>')
    .description('shows a run')
    .option('--json', 'print JSON')
    .action(async (text: string, { json }: Flags) => {
      const run = await read(text);
      show(run, json);
      if (!json && run.status === 'dead') io.out(`\n${waysOn(run)}`);
    });

  runs
    .command('cancel <run-id>')
    .description('cancels a run: undoes its effects and ends it')
    .option('--json', 'print JSON')
    .action(async (text: string, { json }: Flags) =>
      show(await askApi(io, 'POST', `${pathOf(await fullRunId(io, text))}/cancel`), json),
    );

  runs
    .command('rerun <run-id>')
    .description(
      'starts a finished run again with new provider keys: effects that still stand happen a second time',
    )
    .option('--yes', 'do not ask, even if effects will happen a second time')
    .option(
      '--input <json>',
      'as another run with this input, which needs --key; - reads it from standard input',
    )
    .option('--key <key>', "the other run's Idempotency-Key")
    .option('--json', 'print JSON')
    .action(async (text: string, { json, yes, input, key }: RerunFlags) => {
      if ((input === undefined) !== (key === undefined))
        throw new UsageError('--input and --key go together: another input is another run.');
      const run = await read(text);
      const stands = run.steps.filter(({ status }) => status === 'completed').map(({ name }) => name);
      if (input !== undefined) {
        const body = { input: await jsonOf('--input', input), idempotencyKey: key };
        return show(await askApi(io, 'POST', `${pathOf(run.id)}/rerun`, body), json);
      }
      const what = `${run.id} is ${run.status}. A rerun repeats these effects, which still stand: ${stands.join(', ')}.`;
      if (stands.length > 0 && !(await sure(io, what, yes))) return io.out('Nothing was done.\n');
      show(await askApi(io, 'POST', `${pathOf(run.id)}/rerun`), json);
    });
}

interface RerunFlags extends Flags {
  readonly yes?: true;
  readonly input?: string;
  readonly key?: string;
}

interface Flags {
  readonly json?: true;
}

function pathOf(runId: string): string {
  return `/v1/runs/${encodeURIComponent(runId)}`;
}
