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

/** It died while what was done was being undone, and goes on with that. */
function inUndo({ error, steps }: RunJson): boolean {
  const step = steps.find(({ name }) => name === error?.step);
  // what is completed and has an error all the same has it from its undo
  return error?.kind === 'compensation_failed' || (step?.status === 'completed' && step.error !== undefined);
}

/** What a person can do about a dead run, and what each will do. */
export function waysOn(run: RunJson): string {
  const { id, error, steps } = run;
  const doubtful = steps.find(({ status }) => status === 'in_doubt')?.name;
  const stay = steps.filter(({ status }) => status === 'completed').map(({ name }) => name);
  if (inUndo(run)) {
    const undone = stay.toReversed().join(', ');
    return `${table([[`holdfast dead-letters redrive ${id}`, `goes on undoing: ${undone}; no step is done again`]])}\n`;
  }
  const rows = [
    [
      `holdfast dead-letters redrive ${id}`,
      `tries ${error?.step ?? 'it'} again${stay.length > 0 ? `; ${stay.join(', ')} ${stay.length === 1 ? 'stays' : 'stay'}` : ''}`,
    ],
    ...(doubtful === undefined
      ? []
      : [
          [
            `holdfast dead-letters resolve ${id} --step ${doubtful}`,
            'says whether it happened: --help tells how',
          ],
        ]),
    [
      `holdfast dead-letters discard ${id}`,
      stay.length > 0 ? `gives it up and undoes ${stay.join(', ')}` : 'gives it up',
    ],
  ];
  return `${table(rows)}\n`;
}
