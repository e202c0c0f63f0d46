import type { Run } from '@holdfast/engine';
import { diedAt } from '@holdfast/run-view';
import { html } from 'ghtml';
import { runLink, time } from './parts.ts';

const MESSAGE_CHARS = 200;

/** What a list of dead runs shows of each: since when, of what kind, and why. */
export function deadRows(runs: readonly Run[], now: number, withTenant: boolean): string {
  const rows = runs.map((run) => {
    const error = 'error' in run ? run.error : undefined;
    const kind = error && 'kind' in error ? String(error.kind).replaceAll('_', ' ') : '';
    const message = error?.message ?? '';
    const why = error
      ? html`!${error.step ? html`<b>${error.step}</b>: ` : ''}<code>${error.code}</code><br><span class="message">${message.slice(0, MESSAGE_CHARS)}${message.length > MESSAGE_CHARS ? '…' : ''}</span>`
      : '';
    return html`<tr><td>!${runLink(run.id)}<br><span class="quiet key" title="Idempotency-Key">${run.idempotencyKey}</span></td>
!${withTenant ? html`<td>${run.tenant}</td>` : ''}<td>${run.flow}</td><td><span class="step bad">${kind}</span></td><td class="why">!${why}</td><td class="when" data-label="died">!${time(diedAt(run), now)}</td></tr>
`;
  });
  return html`<div class="scroll"><table>
<thead><tr><th>Run, key</th>!${withTenant ? '<th>Tenant</th>' : ''}<th>Flow</th><th>Kind</th><th>Why</th><th class="when">Died</th></tr></thead>
<tbody>
!${rows}</tbody>
</table></div>
`;
}
