import { askApi } from './api.ts';
import type { Commands } from './cli.ts';
import { describeRun } from './describe-run.ts';
import { addListCommand } from './list-runs.ts';

export function addRunCommands({ program, io }: Commands): void {
  const runs = program.command('runs').description('finds, shows and steers runs');
  addListCommand(runs, io);

  const add = (name: string, description: string, ask: (id: string) => ReturnType<typeof askApi>) =>
    runs
      .command(`${name} <run-id>`)
      .description(description)
      .option('--json', 'print JSON')
      .action(async (runId: string, { json }: { json?: true }) => {
        const run = await ask(encodeURIComponent(runId));
        io.out(json ? `${JSON.stringify(run, null, 2)}\n` : describeRun(run));
      });

  add('show', 'how a run stands', (id) => askApi(io, 'GET', `/v1/runs/${id}`));
  add('cancel', 'undoes what was done and ends the run', (id) => askApi(io, 'POST', `/v1/runs/${id}/cancel`));
  add('rerun', 'starts a run that has ended afresh, with new keys for the providers', (id) =>
    askApi(io, 'POST', `/v1/runs/${id}/rerun`),
  );
}
