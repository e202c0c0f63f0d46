import { randomUUID } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { askApi, askFor, RunJson } from './api.ts';
import type { Commands } from './cli.ts';
import { describeRun } from './describe-run.ts';
import { type Io, statusWord } from './io.ts';
import { fullRunId } from './run-id.ts';
import { UsageError } from './usage.ts';

interface Flags {
  readonly json?: true;
}

/** `holdfast submit`, `signal` and `watch`: a run from outside, from its beginning to its end. */
export function addSubmitCommands({ program, io, ends }: Commands): void {
  const show = (run: RunJson, json: true | undefined) =>
    io.out(json ? `${JSON.stringify(run, null, 2)}\n` : describeRun(io, run));

  program
    .command('submit <flow>')
    .description('submits a run of a flow')
    .requiredOption('--input <json>', 'input of the flow as JSON; - reads it from standard input')
    .option('--key <key>', 'Idempotency-Key; the same key gives the same run (default: a new one)')
    .option('--watch', 'follow the run to its end, like `holdfast watch`')
    .option('--json', 'print JSON')
    .action(async (flow: string, flags: Flags & { input: string; key?: string; watch?: true }) => {
      const input = await jsonOf('--input', flags.input);
      const path = `/v1/flows/${encodeURIComponent(flow)}/runs`;
      const headers = { 'idempotency-key': flags.key ?? randomUUID() };
      const run = await askFor(RunJson, io, 'POST', path, input, undefined, headers);
      if (flags.watch) return ends(await watch(io, run.id, flags.json));
      show(run, flags.json);
    });

  program
    .command('signal <run-id> <name>')
    .description('sends a signal to a run')
    .option('--payload <json>', 'payload of the signal as JSON; - reads it from standard input')
    .option('--id <id>', 'id of the signal; a repeated id changes nothing (default: a new one)')
    .option('--json', 'print JSON')
    .action(async (runId: string, name: string, flags: Flags & { payload?: string; id?: string }) => {
      const payload = flags.payload === undefined ? undefined : await jsonOf('--payload', flags.payload);
      const path = `${pathOf(await fullRunId(io, runId))}/signals/${encodeURIComponent(name)}`;
      const body = { id: flags.id ?? randomUUID(), ...(payload !== undefined && { payload }) };
      show(await askApi(io, 'POST', path, body), flags.json);
    });

  program
    .command('watch <run-id>')
    .description('follows a run until it ends or is dead; exit code 0 when it completed, else 1')
    .option('--json', 'a line of JSON for each change')
    .action(async (runId: string, { json }: Flags) =>
      ends(await watch(io, await fullRunId(io, runId), json)),
    );
}

const LOOK_EVERY_MS = 500;
const OVER = new Set(['completed', 'failed', 'cancelled', 'dead']);

/** @returns the exit code */
async function watch(io: Io, runId: string, json: true | undefined): Promise<0 | 1> {
  for (let seen = ''; ; await delay(LOOK_EVERY_MS)) {
    const run = await askApi(io, 'GET', pathOf(runId));
    const state = JSON.stringify([run.status, run.generation, run.steps, run.waitingFor]);
    if (state !== seen) io.out(json ? `${JSON.stringify(run)}\n` : lineOf(io, run));
    seen = state;
    if (!OVER.has(run.status)) continue;
    if (!json) io.out(`\n${describeRun(io, run)}`);
    return run.status === 'completed' ? 0 : 1;
  }
}

function lineOf(io: Io, { status, steps, waitingFor, updatedAt }: RunJson): string {
  const how = steps.map((step) => `${step.name} ${step.status.replace('_', ' ')}`).join(', ');
  const waits = waitingFor ? `waits for ${waitingFor.kind}` : '';
  const what = [how, waits].filter((part) => part !== '').join('; ');
  return `${updatedAt.slice(11, 23)}  ${statusWord(io, status)}${what === '' ? '' : `  ${what}`}\n`;
}

/** @throws UsageError for what is no JSON */
export async function jsonOf(option: string, given: string): Promise<unknown> {
  const json = given === '-' ? await text(process.stdin) : given;
  try {
    return JSON.parse(json);
  } catch {
    throw new UsageError(`${option} is not JSON: ${json.slice(0, 200)}`);
  }
}

function pathOf(runId: string): string {
  return `/v1/runs/${encodeURIComponent(runId)}`;
}
