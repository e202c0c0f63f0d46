import { OperatorError } from '@holdfast/app-kit';
import { askApi } from './api.ts';
import type { Commands } from './cli.ts';
import { describeRun } from './describe-run.ts';

interface ResolveFlags {
  readonly step: string;
  readonly happened?: string | true;
  readonly didNotHappen?: true;
  readonly json?: true;
}

export function addDeadLetterCommands({ program, io }: Commands): void {
  const letters = program.command('dead-letters').description('runs that wait for a person');
  const act = async (runId: string, action: string, json: true | undefined, body?: unknown) => {
    const path = `/v1/dead-letters/${encodeURIComponent(runId)}/${action}`;
    const run = await askApi(io, 'POST', path, body);
    io.out(json ? `${JSON.stringify(run, null, 2)}\n` : describeRun(run));
  };

  letters
    .command('redrive <run-id>')
    .description('goes on from the step that failed, with fresh attempts; completed steps stay')
    .option('--json', 'print JSON')
    .action((runId: string, { json }: { json?: true }) => act(runId, 'redrive', json));

  letters
    .command('cancel <run-id>')
    .description('gives the run up and undoes what was done')
    .option('--json', 'print JSON')
    .action((runId: string, { json }: { json?: true }) => act(runId, 'cancel', json));

  letters
    .command('resolve <run-id>')
    .description('says what happened to an effect in doubt, and lets the run go on')
    .requiredOption('--step <name>', 'the step that is in doubt')
    .option('--happened [result]', 'it happened; the result, as JSON, is what the step would have returned')
    .option('--did-not-happen', 'it did not: the step is tried again')
    .option('--json', 'print JSON')
    .action((runId: string, { json, ...flags }: ResolveFlags) =>
      act(runId, 'resolve', json, resolutionOf(flags)),
    );
}

function resolutionOf({ step, happened, didNotHappen }: ResolveFlags): object {
  if ((happened === undefined) === (didNotHappen === undefined)) {
    throw new OperatorError('Say what happened: either --happened, with its result, or --did-not-happen.');
  }
  if (happened === undefined) return { step, outcome: 'did_not_happen' };
  return { step, outcome: 'happened', ...(happened !== true && { result: parseResult(happened) }) };
}

function parseResult(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new OperatorError(
      `The result is no JSON: ${text}\nQuote it for the shell, as in --happened '{"chargeId":"pi_1"}'.`,
    );
  }
}
