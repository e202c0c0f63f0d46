import type { Fleet, Pause, Run } from '@holdfast/engine';
import { counted } from '@holdfast/run-view';
import { html } from 'ghtml';
import type { Operator } from '../plugins/login.ts';
import type { RunsQuery } from '../routes/runs.ts';
import { deadRows } from './dead-rows.ts';
import { layout } from './layout.ts';
import { confirmed, runRows } from './parts.ts';

export const STATUSES = [
  ...(['pending', 'running', 'suspended', 'compensating'] as const),
  ...(['completed', 'failed', 'cancelled', 'dead'] as const),
] as const;

export interface RunsPageParts {
  readonly runs: readonly Run[];
  /** Ids of runs of this page whose records cannot be read. */
  readonly unreadable: readonly string[];
  readonly nextCursor: string | undefined;
  /** Tenants that were not asked. */
  readonly tenantsLeftOut: number;
  readonly query: RunsQuery;
  readonly tenants: readonly string[];
  readonly flows: readonly string[];
  readonly operator: Operator;
  readonly now: number;
  readonly fleet: Fleet;
  readonly pauses: readonly Pause[];
}

export function runsPage(parts: RunsPageParts): string {
  const {
    runs,
    unreadable,
    nextCursor,
    tenantsLeftOut,
    query,
    tenants,
    flows,
    operator,
    now,
    fleet,
    pauses,
  } = parts;
  const dead = query.status === 'dead';
  const title = dead ? 'Dead letters' : 'Runs';
  const many = tenants.length > 1;
  const main = html`<h1>${title}</h1>
<form method="get" action="/runs" class="filter" role="search" aria-label="Runs">
!${many ? select('Tenant', 'tenant', tenants, query.tenant) : ''}!${select('Flow', 'flow', flows, query.flow)}!${select('Status', 'status', STATUSES, query.status)}
<label>Reason <input name="code" value="${query.code}" placeholder="card_declined" autocomplete="off"></label>
<label>Key or run id <input name="key" value="${query.key}" autocomplete="off"></label>
<label>Key begins with <input name="prefix" value="${query.prefix}" autocomplete="off"></label>
<label>Tag <input name="tag" value="${query.tag}" placeholder="customer:cus_1" autocomplete="off"></label>
<label>Accepted since (UTC) <input name="since" type="datetime-local" value="${query.since?.slice(0, 16)}"></label>
<label>Before (UTC) <input name="until" type="datetime-local" value="${query.until?.slice(0, 16)}"></label>
<button>Show</button>
</form>
!${runs.length > 0 ? (dead ? bulkRedrive(parts) + deadRows(runs, now, many) : runRows(runs, now, { withTenant: many, fleet, pauses })) : html`<p class="quiet">${nothing(query, nextCursor !== undefined)}</p>`}
!${unreadable.length > 0 ? html`<p class="quiet">Not shown, because their records were changed by something else: ${unreadable.join(', ')}.</p>` : ''}
!${tenantsLeftOut > 0 ? html`<p class="quiet">${counted(tenantsLeftOut, 'tenant')} not asked: choose one to look there.</p>` : ''}!${paging(query, nextCursor)}`;
  return layout({ title, at: dead ? 'dead' : 'runs', operator, main });
}

/** Redrives what the list shows, and what of it is on other pages. */
function bulkRedrive({ query, tenants, operator, runs, nextCursor }: RunsPageParts): string {
  const { key, prefix, tag, since, until } = query;
  // a bulk redrive knows flow and reason alone
  if (operator.role !== 'admin' || [key, prefix, tag, since, until].some((each) => each !== undefined))
    return '';
  const [only, ...others] = tenants;
  const tenant = query.tenant ?? (others.length === 0 ? only : undefined);
  if (tenant === undefined)
    return html`<p class="quiet">Choose a tenant to redrive all matching runs at once.</p>`;
  const which = [
    query.flow ? `of ${query.flow}` : 'of every flow',
    query.code ? `with the reason ${query.code}` : 'whatever the reason',
  ].join(', ');
  return confirmed({
    ...{ id: 'redrive-all', summary: 'Redrive all matching runs…', button: 'Redrive them' },
    body: html`<p>Each dead run ${which}, goes on from the step that failed, the last to die first. What is done stays done. It starts with one run, continues at the rate below, and stops at the number below.</p>
<p><label>At most <input name="limit" type="number" min="1" max="100000" value="${nextCursor === undefined && query.cursor === undefined ? runs.length : 10_000}" required></label>
<label>Per second <input name="ratePerSecond" type="number" min="1" max="1000" value="20" required></label></p>`,
    action: '/dead-letters/redrive',
    fields: { tenant, ...(query.flow && { flow: query.flow }), ...(query.code && { code: query.code }) },
  });
}

function nothing(query: RunsQuery, more: boolean): string {
  if (more) return 'No match so far. There are more runs to search.';
  const { status: _status, cursor: _cursor, ...filters } = query;
  const others = Object.values(filters).some((each) => each !== undefined);
  if (query.status === 'dead') return others ? 'No dead letters match this filter.' : 'No dead letters.';
  const filtered = others || query.status !== undefined;
  return filtered ? 'No run matches.' : 'No runs yet.';
}

function select(label: string, name: string, values: readonly string[], chosen: string | undefined): string {
  const options = values.map(
    (value) => html`<option!${value === chosen ? ' selected' : ''}>${value}</option>`,
  );
  return html`<label>${label} <select name="${name}"><option value="">any</option>!${options}</select></label>
`;
}

function paging(query: RunsQuery, nextCursor: string | undefined): string {
  const { cursor: _, ...filter } = query;
  const given = Object.entries(filter).filter((each): each is [string, string] => each[1] !== undefined);
  const first =
    query.cursor === undefined
      ? ''
      : html`<a href="/runs?${new URLSearchParams(given)}">Back to the first</a> `;
  if (nextCursor === undefined) {
    return html`<p>!${first}</p>`;
  }
  const next = new URLSearchParams([...given, ['cursor', nextCursor]]);
  return html`<p>!${first}<a rel="next" href="/runs?${next}">Further on</a></p>`;
}
