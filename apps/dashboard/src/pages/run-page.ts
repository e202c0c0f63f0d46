import type { CallEvent, ErrorRecord, FlowContract, Json, Run, RunEvent } from '@holdfast/engine';
import { isTerminal } from '@holdfast/engine';
import type { AuditEntry } from '@holdfast/operations';
import {
  ANSWERS,
  type AsOf,
  counted,
  editionOf,
  inWords,
  isCancelRequested,
  shortId,
  standing,
  timelineSize,
  timelineStory,
} from '@holdfast/run-view';
import { html } from 'ghtml';
import type { Operator } from '../plugins/login.ts';
import { redactPayload } from '../redact-payload.ts';
import { callRow } from './call-row.ts';
import { layout } from './layout.ts';
import { statusBadge, time, timeInFull } from './parts.ts';
import { runActions } from './run-actions.ts';

export interface RunPageParts {
  readonly run: Run;
  readonly audit: readonly AuditEntry[];
  readonly operator: Operator;
  /** What became of what the operator just asked for. */
  readonly said: string | undefined;
  readonly now: number;
  readonly flow: FlowContract | undefined;
  /** What no live worker has, of what the run needs to go on. */
  readonly lacks: AsOf['lacks'];
  readonly pause: AsOf['pause'];
}

/** The widths that the timeline is drawn in: for a desk, and for a phone. */
export const WIDE = 928;
export const NARROW = 328;

export function runPage({ run, audit, operator, said, now, flow, lacks, pause }: RunPageParts): string {
  const admin = operator.role === 'admin';
  const actions = admin ? runActions(run, flow) : '';
  const main = html`!${said ? html`<p class="notice" role="status">${said}</p>` : ''}<h1><span class="flow">${run.flow}</span> <span class="id">${shortId(run.id)}</span> !${statusBadge(run.status)}!${isCancelRequested(run) ? '<span class="asked">cancel requested</span>' : ''}</h1>
<p class="lead!${lacks || pause ? ' bad' : ''}">${standing(run, { now, lacks, pause })}</p>
!${actions && html`<section aria-label="Actions" class="actions">!${actions}</section>`}
<h2>Timeline</h2>
!${timeline(run, now)}
<h2>Steps</h2>
!${steps(run, now)}
!${attempts(run, now)}
!${signals(run)}
<h2>Actions</h2>
!${auditTable(audit, now)}
<h2>Details</h2>
!${details(run, now)}
!${admin ? payloads(run) : html`<p class="quiet">Its input and output are shown to admins only.</p>`}`;
  const live = isTerminal(run.status)
    ? undefined
    : { events: `/runs/${run.id}/events?since=${editionOf(run)}`, ticks: run.status !== 'dead' };
  return layout({
    title: `${run.flow} ${shortId(run.id)}: ${run.status}`,
    operator,
    main,
    ...(live && { live }),
  });
}

function timeline(run: Run, now: number): string {
  const url = (width: number) => `/runs/${run.id}/timeline.svg?r=${editionOf(run)}&width=${width}`;
  const wide = timelineSize(run, { now, widthPx: WIDE });
  const narrow = timelineSize(run, { now, widthPx: NARROW });
  return html`<picture class="timeline"><source media="(max-width: 700px)" srcset="${url(NARROW)}" width="${narrow.width}" height="${narrow.height}"><img src="${url(WIDE)}" width="${wide.width}" height="${wide.height}" alt="${timelineStory(run, { now })}"></picture>
`;
}

/** Of what there may be a great deal, the last ones are shown: a page stays small whatever a run has been through. */
const MOST_ROWS = 60;
const MOST_CHARS = 12_000;
const MESSAGE_CHARS = 400;

function earlier(all: readonly unknown[]): string {
  const left = all.length - MOST_ROWS;
  return left > 0 ? html`<p class="quiet">${left} earlier ones are not shown.</p>` : '';
}

function steps(run: Run, now: number): string {
  if (run.steps.length === 0) return html`<p class="quiet">No step has begun yet.</p>`;
  const rows = run.steps.slice(-MOST_ROWS).map((step) => {
    const { name, status, attempts: tries, startedAt, error, undo } = step;
    // what it took to do, not until it was undone
    const doneAt = undo?.doneAt ?? step.finishedAt;
    return html`<tr><th scope="row">${name}</th><td><span class="step t-${status}">${status.replace('_', ' ')}</span></td><td class="number" data-label="attempts">${tries}</td><td class="when">!${time(startedAt, now)}</td><td class="number" data-label="took">${doneAt === undefined ? '' : inWords(doneAt - startedAt)}</td><td class="why">!${error ? errorText(error) : ''}</td></tr>
`;
  });
  return html`!${earlier(run.steps)}<div class="scroll"><table>
<thead><tr><th>Step</th><th>Status</th><th class="number">Attempts</th><th class="when">Began</th><th class="number">Took</th><th>Last error</th></tr></thead>
<tbody>
!${rows}</tbody></table></div>
`;
}

function attempts(run: Run, now: number): string {
  const { events, callsLeftOut } = run;
  if (events.length === 0) return '';
  const rows = events.slice(-MOST_ROWS).map((event) =>
    event.kind === 'call'
      ? callRow(event, now)
      : html`<tr class="moment"><td class="when">!${time(event.at, now)}</td><td colspan="4">!${eventText(event)}</td></tr>
`,
  );
  const left =
    callsLeftOut > 0
      ? html`<p class="quiet">${counted(callsLeftOut, 'call')} in between ${callsLeftOut === 1 ? 'is' : 'are'} not kept: of many, the first and the last are.</p>`
      : '';
  return html`<h2>Calls and moments</h2>
!${earlier(events)}!${left}<div class="scroll"><table class="calls">
<thead><tr><th class="when">Began</th><th>Call</th><th>Outcome</th><th class="number">Took</th><th>Sent, and the provider's id</th></tr></thead>
<tbody>
!${rows}</tbody></table></div>
`;
}

function eventText(event: Exclude<RunEvent, CallEvent>): string {
  switch (event.kind) {
    case 'taken_over':
      return html`Its worker was lost; worker <code title="${event.worker}">${event.worker.slice(0, 8)}</code> took over`;
    case 'died':
      return 'Died; has waited for a person since';
    case 'redriven':
      return 'Redriven';
    case 'resolved':
      return event.step && event.outcome
        ? html`Resolved: a person said that ${event.step} ${ANSWERS[event.outcome]}`
        : 'Resolved: a person said what had happened';
    case 'cancel_requested':
      return 'Cancel asked for';
  }
}

/** With the provider's own id of the request, if the error knows it: what its support will ask for. */
function errorText({ code, message, details }: Pick<ErrorRecord, 'code' | 'message' | 'details'>): string {
  const requestId = requestIdOf(details);
  return html`${message.slice(0, MESSAGE_CHARS)}${message.length > MESSAGE_CHARS ? '…' : ''} <code>${code}</code>!${requestId ? html` <span class="quiet">request</span> <code>${requestId}</code>` : ''}`;
}

function requestIdOf(details: Json | undefined): string | undefined {
  if (typeof details !== 'object' || details === null || !('requestId' in details)) return undefined;
  return typeof details.requestId === 'string' ? details.requestId : undefined;
}

function signals({ signals: came }: Run): string {
  if (came.length === 0) return '';
  const items = came.slice(-MOST_ROWS).map(({ id, name }) => html`<li>${name} <code>${id}</code></li>`);
  return html`<h2>Signals</h2>!${earlier(came)}<ul>!${items}</ul>
`;
}

function auditTable(audit: readonly AuditEntry[], now: number): string {
  if (audit.length === 0) return html`<p class="quiet">No actions on this run.</p>`;
  const rows = audit.map(
    ({ at, actor, via, action, outcome, before, after }) =>
      html`<tr><td class="when">!${time(at, now)}</td><td>${actor} <span class="quiet">by ${via}</span></td><td>${action}</td><td>${outcome ?? 'not known'}</td><td>${before ?? ''}${after && after !== before ? ` → ${after}` : ''}</td></tr>
`,
  );
  return html`<div class="scroll"><table>
<thead><tr><th class="when">When</th><th>Who</th><th>Did</th><th>Outcome</th><th>Status</th></tr></thead>
<tbody>
!${rows}</tbody></table></div>
`;
}

function details(run: Run, now: number): string {
  const queue =
    run.status === 'dead'
      ? html`<a href="/queues/queue/dead-letters/${run.id}.d${run.deaths}?status=failed">its letter</a> in the queue dead-letters`
      : html`<a href="/queues/queue/${encodeURIComponent(run.flow)}">the queue ${run.flow}</a>${isTerminal(run.status) ? ' (a run that has ended has no job there)' : ''}`;
  const rows: readonly (readonly [string, string])[] = [
    ['Run', html`<code class="whole">${run.id}</code>`],
    ['Idempotency-Key', html`<code class="whole">${run.idempotencyKey}</code>`],
    ['Flow', html`${run.flow}, version ${run.version}, generation ${run.generation}`],
    ['Tenant', html`${run.tenant}`],
    ...(run.trace === undefined ? [] : [['Trace', html`<code class="whole">${run.trace}</code>`] as const]),
    ['Accepted', timeInFull(run.createdAt, now)],
    ['Last change', timeInFull(run.updatedAt, now)],
    ['Bull Board', queue],
  ];
  return html`<dl>!${rows.map(([name, value]) => html`<dt>${name}</dt><dd>!${value}</dd>`)}</dl>
`;
}

/** Folded, and without what says who somebody is. */
function payloads(run: Run): string {
  const folded = (name: string, value: Json) => {
    const text = JSON.stringify(redactPayload(value), undefined, 2);
    const left = text.length - MOST_CHARS;
    const more = left > 0 ? html`<p class="quiet">${left} more characters are not shown.</p>` : '';
    return html`<details class="payload" id="${name.toLowerCase()}"><summary>${name} (redacted)</summary><pre>${text.slice(0, MOST_CHARS)}</pre>!${more}</details>
`;
  };
  return [
    folded('Input', run.input ?? null),
    ...(run.status === 'completed' ? [folded('Output', run.output)] : []),
  ].join('');
}
