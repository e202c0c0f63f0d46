import type { RunJson } from './api.ts';
import { type Io, statusWord } from './io.ts';
import { table, widthOf } from './table.ts';
import { when } from './times.ts';

/** A run for people: where it stands, why, and its steps. */
export function describeRun(io: Io, run: RunJson): string {
  const { id, flow, version, generation, status, error, waitingFor, steps } = run;
  const again = generation > 1 ? `, generation ${generation}` : '';
  const lines = [
    `${id}  ${flow} v${version}${again}: ${statusWord(io, status)} since ${when(io, run.updatedAt)}`,
  ];
  if (error) {
    const where = error.step ? `${inUndo(run) ? 'the undo of' : 'step'} ${error.step}: ` : '';
    lines.push(`${where}${error.message} (${error.code})`);
  }
  if (waitingFor) {
    lines.push(
      `waits for ${waitingFor.kind}${waitingFor.until ? `, until ${when(io, waitingFor.until)}` : ''}`,
    );
  }
  if (run.cancelRequested) lines.push(`cancel requested${run.endsAs ? `; it ends as ${run.endsAs}` : ''}`);
  for (const { name, inDoubt } of steps) {
    if (!inDoubt) continue;
    const what = inDoubt.undo ? `the undo of ${name}` : name;
    lines.push(
      `look for ${what} at its provider by Idempotency-Key ${inDoubt.idempotencyKey}`,
      `  or by reference ${inDoubt.reference}`,
    );
  }
  if (steps.length > 0) {
    const rows = steps.map((step) => [
      ...[step.name, step.status, String(step.attempts)],
      step.attempts === 1 ? 'attempt' : 'attempts',
      step.error ? `${step.error.message} (${step.error.code})` : '',
    ]);
    lines.push('', table(rows, [2], widthOf(io)));
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
  const inDoubt = steps.find(({ status }) => status === 'in_doubt');
  const doubtful = inDoubt?.name;
  const done = steps.filter(({ status }) => status === 'completed').map(({ name }) => name);
  const redrive = `holdfast dead-letters redrive ${id}`;
  const resolve = `holdfast dead-letters resolve ${id} --step`;
  const resolutions =
    doubtful === undefined
      ? []
      : [
          [`${resolve} ${doubtful} --happened${exampleOf(inDoubt)}`, 'if it happened; give its result'],
          [`${resolve} ${doubtful} --did-not-happen`, 'if it did not: it is tried again'],
        ];
  // an undo that failed, or that the run cannot come to any more: people may have done it by hand
  const stuck = undoing || error?.kind === 'incompatible_flow' || error?.kind === 'poison';
  const undos = (stuck ? steps.filter(({ status }) => status === 'completed') : []).flatMap((step) => [
    [`${resolve} ${step.name} --undone`, 'if it was undone, by the run or by hand'],
    ...(step.inDoubt?.undo
      ? [[`${resolve} ${step.name} --not-undone`, 'if its undo did not happen: it is done again']]
      : []),
  ]);
  const discard = `holdfast dead-letters discard ${id}`;
  const rows = undoing
    ? [[redrive, `continues undoing${listed(': ', done.toReversed())}; no step is done again`]]
    : [
        [
          redrive,
          `${again(inDoubt, error?.step)}${listed('; ', done, done.length === 1 ? ' stays' : ' stay')}`,
        ],
        [discard, `gives it up${listed(' and undoes ', done)}`],
      ];
  return `${table([...rows.slice(0, 1), ...resolutions, ...undos, ...rows.slice(1)])}\n`;
}

/** What a redrive does with the step that failed. */
function again(inDoubt: RunJson['steps'][number] | undefined, failed: string | undefined): string {
  const step = failed ?? 'it';
  switch (inDoubt?.name === failed ? inDoubt?.inDoubt?.onRedrive : undefined) {
    case 'look_up':
      return `asks first whether ${step} happened, does it only if not`;
    case 'repeat':
      return `sends ${step} again under the same key`;
    case 'halt':
      return `finds ${step} in doubt again: there is no look-up`;
    default:
      return `tries ${step} again`;
  }
}

/** The result that a step wants, to be filled in. */
function exampleOf(step: RunJson['steps'][number] | undefined): string {
  const names = Object.keys(step?.inDoubt?.resultSchema?.properties ?? {});
  return names.length === 0
    ? ''
    : ` '${JSON.stringify(Object.fromEntries(names.map((name) => [name, '…'])))}'`;
}

function listed(before: string, names: readonly string[], after = ''): string {
  return names.length === 0 ? '' : `${before}${names.join(', ')}${after}`;
}
