import { type Fleet, lackOf, type Pause, pauseOver, type Run, type RunStatus } from '@holdfast/engine';
import { inWords, shortId } from '@holdfast/run-view';
import { html } from 'ghtml';
import { pausedNote } from './paused-note.ts';

/** A moment as it is felt, with the exact one behind it. */
export function time(unixMs: number, now: number): string {
  const iso = new Date(unixMs).toISOString();
  const exact = `${iso.slice(0, 23).replace('T', ' ')} UTC`;
  const ago = now - unixMs;
  const words = Math.abs(ago) < 1_000 ? 'just now' : ago < 0 ? `in ${inWords(-ago)}` : `${inWords(ago)} ago`;
  return html`<time datetime="${iso}" title="${exact}">${words}</time>`;
}

/** The same with the exact time beside it, where there is room. */
export function timeInFull(unixMs: number, now: number): string {
  const exact = new Date(unixMs).toISOString().slice(0, 19).replace('T', ' ');
  return html`!${time(unixMs, now)} <span class="quiet">${exact} UTC</span>`;
}

export function statusBadge(status: RunStatus): string {
  return html`<span class="status s-${status}">${status}</span>`;
}

export function runLink(runId: string): string {
  return html`<a class="id" href="/runs/${runId}" title="${runId}">${shortId(runId)}</a>`;
}

/** A form behind a line that opens it: the first press says what will happen, the second does it. */
export function confirmed(options: {
  readonly id: string;
  readonly summary: string;
  /** Markup: what will happen, and further fields. */
  readonly body: string;
  readonly action: string;
  readonly fields?: Readonly<Record<string, string>>;
  readonly button: string;
  readonly danger?: boolean;
}): string {
  const { id, summary, body, action, fields = {}, button, danger = false } = options;
  const hidden = Object.entries(fields).map(
    ([name, value]) => html`<input type="hidden" name="${name}" value="${value}">`,
  );
  return html`<details class="action" id="${id}">
<summary>${summary}</summary>
<form method="post" action="${action}">
!${hidden}!${body}
<p><button!${danger ? ' class="danger"' : ''}>${button}</button></p>
</form>
</details>
`;
}

export interface RowContext {
  readonly withTenant: boolean;
  readonly fleet: Fleet | undefined;
  readonly pauses: readonly Pause[];
}

/** What a list of runs shows of each. */
export function runRows(
  runs: readonly Run[],
  now: number,
  { withTenant, fleet, pauses }: RowContext,
): string {
  const rows = runs.map(
    (
      run,
    ) => html`<tr><td>!${runLink(run.id)}<br><span class="quiet key" title="Idempotency-Key">${run.idempotencyKey}</span></td>
!${withTenant ? html`<td>${run.tenant}</td>` : ''}<td>${run.flow}</td><td>!${statusBadge(run.status)}</td><td class="why">!${why(run, { fleet, pauses }, now)}</td><td class="when">!${time(run.createdAt, now)}</td></tr>
`,
  );
  return html`<div class="scroll"><table>
<thead><tr><th>Run, key</th>!${withTenant ? '<th>Tenant</th>' : ''}<th>Flow</th><th>Status</th><th>Why</th><th class="when">Accepted</th></tr></thead>
<tbody>
!${rows}</tbody>
</table></div>
`;
}

/** What keeps a run from beginning; undefined for one that has begun, or has nothing in its way. */
export function heldBackBy(pauses: readonly Pause[], run: Run): Pause | undefined {
  const waits =
    run.status === 'suspended'
      ? run.waitingFor.kind === 'paused'
      : run.status === 'pending' && run.steps.length + run.waits.length + run.events.length === 0;
  return waits ? pauseOver(pauses, run) : undefined;
}

/** What no live worker has, of what runs need to go on. */
export function lackText(lacks: 'flow' | 'version', flow: string, version: number): string {
  return lacks === 'flow'
    ? html`no live worker runs <code>${flow}</code>`
    : html`no worker has <code>${flow}@${version}</code>`;
}

function why(run: Run, { fleet, pauses }: Omit<RowContext, 'withTenant'>, now: number): string {
  const pause = heldBackBy(pauses, run);
  if (pause) return pausedNote(pause, now);
  const lacks = fleet && lackOf(fleet, run);
  if (lacks) return html`<span class="step bad">!${lackText(lacks, run.flow, run.version)}</span>`;
  if ('error' in run && run.error)
    return html`${run.error.step ? `${run.error.step}: ` : ''}${run.error.code}`;
  if (run.status !== 'suspended') return '';
  const { waitingFor } = run;
  if (waitingFor.kind === 'start' || waitingFor.kind === 'paused' || waitingFor.kind === 'lane')
    return waitingFor.kind;
  return 'step' in waitingFor
    ? html`${waitingFor.kind}: ${waitingFor.step}`
    : html`${waitingFor.kind}: ${waitingFor.name}`;
}
