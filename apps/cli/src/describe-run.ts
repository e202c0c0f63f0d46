import type { RunJson } from './api.ts';
import { table } from './table.ts';

/** A run for people: where it stands, why, and its steps. */
export function describeRun(run: RunJson): string {
  const { id, flow, version, generation, status, error, waitingFor, steps } = run;
  const again = generation > 1 ? `, generation ${generation}` : '';
  const lines = [`${id}  ${flow} v${version}${again}: ${status} since ${run.updatedAt}`];
  if (error) {
    const where = error.step ? `${inUndo(run) ? 'the undo of' : 'step'} ${error.step}: ` : '';
    lines.push(`${where}${error.message} (${error.code})`);
  }
  if (waitingFor) {
    lines.push(`waits for ${waitingFor.kind}${waitingFor.until ? `, until ${waitingFor.until}` : ''}`);
  }
  if (steps.length > 0) {
    const rows = steps.map((step) => [
      ...[step.name, step.status, String(step.attempts)],
      step.attempts === 1 ? 'attempt' : 'attempts',
      step.error ? `${step.error.message} (${step.error.code})` : '',
    ]);
    lines.push('', table(rows, [2]));
  }
  return `${lines.join('\n')}\n`;
}

/** Its error comes from taking a step back: what is completed and has an error all the same has it from there. */
function inUndo({ error, steps }: RunJson): boolean {
  const step = steps.find(({ name }) => name === error?.step);
  return error?.kind === 'compensation_failed' || (step?.status === 'completed' && step.error !== undefined);
}

/** What a person can do about a dead run, and what each will do. */
export function waysOn({ id, error, steps, undoing }: RunJson): string {
  const doubtful = steps.find(({ status }) => status === 'in_doubt')?.name;
  const done = steps.filter(({ status }) => status === 'completed').map(({ name }) => name);
  const redrive = `holdfast dead-letters redrive ${id}`;
  const resolve = [
    `holdfast dead-letters resolve ${id} --step ${doubtful}`,
    'says whether it happened: --help tells how',
  ];
  const discard = `holdfast dead-letters discard ${id}`;
  const rows = undoing
    ? [[redrive, `goes on undoing${listed(': ', done.toReversed())}; no step is done again`]]
    : [
        [
          redrive,
          `tries ${error?.step ?? 'it'} again${listed('; ', done, done.length === 1 ? ' stays' : ' stay')}`,
        ],
        [discard, `gives it up${listed(' and undoes ', done)}`],
      ];
  return `${table(doubtful === undefined ? rows : [...rows.slice(0, 1), resolve, ...rows.slice(1)])}\n`;
}

function listed(before: string, names: readonly string[], after = ''): string {
  return names.length === 0 ? '' : `${before}${names.join(', ')}${after}`;
}
