import type { RunJson } from './api.ts';
import { table } from './table.ts';

/** A run for people: where it stands, why, and its steps. */
export function describeRun(run: RunJson): string {
  const { id, flow, version, generation, status, error, waitingFor, steps } = run;
  const again = generation > 1 ? `, generation ${generation}` : '';
  const lines = [`${id}  ${flow} v${version}${again}: ${status} since ${run.updatedAt}`];
  if (error) lines.push(`${error.step ? `step ${error.step}: ` : ''}${error.message} (${error.code})`);
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
