import type {
  DeathGroup,
  DeathPlace,
  Fleet,
  Overview,
  Pause,
  Run,
  RunStatus,
  WaitingFor,
} from '@holdfast/engine';
import type { AuditEntry } from '@holdfast/operations';
import { counted, inWords, listed } from '@holdfast/run-view';
import { html } from 'ghtml';
import type { Redrive } from '../bulk-redrives.ts';
import type { FaultState } from '../fault-panel.ts';
import type { Operator } from '../plugins/login.ts';
import type { Snapshot } from '../snapshots.ts';
import { faultSection } from './fault-panel.ts';
import { layout } from './layout.ts';
import { confirmed, lackText, runLink, runRows, statusBadge, time } from './parts.ts';
import { pauseNotices } from './pauses.ts';
import { providerTable } from './providers.ts';
import { throughput } from './throughput.ts';

export interface OverviewPageParts {
  readonly snapshot: Snapshot;
  readonly redrives: readonly Redrive[];
  /** The newest. */
  readonly runs: readonly Run[];
  readonly fleet: Fleet | undefined;
  readonly pauses: readonly Pause[];
  /** What people did about providers, the latest first. */
  readonly reopened: readonly AuditEntry[];
  readonly operator: Operator;
  /** Absent where nothing is to be broken. */
  readonly faults?: FaultState | undefined;
  readonly said: string | undefined;
}

export function overviewPage({
  snapshot,
  redrives,
  runs,
  fleet,
  pauses,
  reopened,
  operator,
  faults,
  said,
}: OverviewPageParts): string {
  const { overview, providers } = snapshot;
  const { now, tenants } = overview;
  const main = html`!${said ? html`<p class="notice" role="status">${said}</p>` : ''}<h1>${headline(overview)}</h1>
!${pauseNotices(pauses, now, operator)}!${stranded(overview)}
!${counts(overview)}
<section><h2>Dead, by reason</h2>
!${redrives.map((redrive) => redriveState(redrive))}
!${deaths(overview, operator)}</section>
<section><h2>Accepted over time</h2>
!${throughput(overview)}</section>
<section><h2>Waiting longest</h2>
!${waiting(overview)}</section>
<section><h2>Providers</h2>
!${providerTable({ providers, reopened, operator, now })}</section>
!${faults && operator.role === 'admin' ? faultSection(faults) : ''}
<section><h2>Newest runs</h2>
!${runs.length > 0 ? runRows(runs, now, { withTenant: tenants.length > 1, fleet, pauses }) : html`<p class="quiet">No runs yet.</p>`}<p><a href="/runs">All runs, and search</a></p></section>`;
  return layout({
    title: 'Overview',
    at: 'overview',
    operator,
    main,
    live: { events: '/events', ticks: false },
  });
}

function headline({ dead, unfinished }: Overview): string {
  const going = unfinished - dead;
  const under = going > 0 ? `${counted(going, 'run')} under way` : 'nothing is under way';
  if (dead === 0) return `No dead letters; ${under}`;
  return `${counted(dead, 'dead letter')} wait${dead === 1 ? 's' : ''} for a person; ${under}`;
}

/** What runs wait for that will not come by itself. */
function stranded({ stranded: found }: Overview): string {
  return found
    .map(
      ({ flow, version, lacks, runs }) =>
        html`<p class="notice bad" role="status"><b>${counted(runs, 'run')}</b> cannot continue: !${lackText(lacks, flow, version)}. Start a worker that has it.</p>`,
    )
    .join('');
}

const ORDER: readonly RunStatus[] = [
  ...(['pending', 'running', 'suspended', 'compensating'] as const),
  ...(['completed', 'failed', 'cancelled', 'dead'] as const),
];

function counts({ kept, unfinished, dead, newest }: Overview): string {
  const byStatus = ORDER.map(
    (status) =>
      html`<li><a href="/runs?status=${status}"><b>${newest.byStatus[status]}</b> !${statusBadge(status)}</a></li>`,
  );
  return html`<ul class="counts">!${byStatus}</ul>
<p class="quiet">Counted over the ${counted(newest.lookedAt, 'newest run')}. Of all ${kept} that are kept, not ended: ${unfinished - dead}; dead: ${dead}.</p>
`;
}

const MOST_REASONS = 12;

function deaths({ deaths: { groups, lookedAt }, dead, tenants, now }: Overview, operator: Operator): string {
  if (groups.length === 0) return html`<p class="quiet">Nothing is dead.</p>`;
  const more =
    dead > lookedAt
      ? html`<p class="quiet">Based on the ${lookedAt} most recent deaths, of ${dead}.</p>`
      : '';
  const others = groups.length - MOST_REASONS;
  const rest =
    others > 0 ? html`<p><a href="/runs?status=dead">${counted(others, 'other reason')}</a></p>` : '';
  return html`<ul class="deaths">!${groups.slice(0, MOST_REASONS).map((group, index) => deathGroup(group, index, { now, tenants, more: dead > lookedAt, operator }))}</ul>
!${rest}!${more}`;
}

function deathGroup(
  { tenant, flow, code, count, lastAt, places }: DeathGroup,
  index: number,
  {
    now,
    tenants,
    more,
    operator,
  }: { now: number; tenants: readonly string[]; more: boolean; operator: Operator },
): string {
  const of = tenants.length > 1 ? html` <span class="quiet">tenant ${tenant}</span>` : '';
  const query = new URLSearchParams({ status: 'dead', flow, code, tenant });
  return html`<li><p><b class="number">${count}</b> ${flow}: <a href="/runs?${query}"><code>${code}</code></a> <span class="quiet">${listed(places.map(placeText))}; the last !${time(lastAt, now)}</span>!${of}</p>
!${
    operator.role === 'admin'
      ? confirmed({
          id: `redrive-${index}`,
          summary: 'Redrive these…',
          body: html`<p>Each dead run of ${flow} with the reason <code>${code}</code> goes on from the step that failed, the last to die first. What is done stays done. It starts with one run, continues at the rate below, and stops at the number below.</p>
<p><label>At most <input name="limit" type="number" min="1" max="100000" value="${more ? 10_000 : count}" required></label>
<label>Per second <input name="ratePerSecond" type="number" min="1" max="1000" value="20" required></label></p>`,
          action: '/dead-letters/redrive',
          fields: { tenant, flow, code },
          button: 'Redrive them',
        })
      : ''
  }</li>
`;
}

function placeText({ step, kind, count }: DeathPlace): string {
  return `${count} ${kind.replaceAll('_', ' ')}${step === undefined ? '' : ` at ${step}`}`;
}

function redriveState({ order, actor, state }: Redrive): string {
  const { matched, redriven, skipped } = state.is === 'over' ? state.result : state.progress;
  const what = `${order.flow ?? 'all flows'}${order.code ? `, ${order.code}` : ''}`;
  const done = `${redriven} redriven, ${skipped} no longer dead`;
  switch (state.is) {
    case 'under_way':
      return html`<p class="notice"><progress max="${order.limit}" value="${matched}">${matched} of ${order.limit}</progress> ${actor} redrives ${what}: ${done}, at most ${order.limit}, ${order.ratePerSecond} a second.</p>`;
    case 'over':
      return html`<p class="notice">${actor} redrove ${what}: ${done}${state.result.more ? '; more of them are dead' : ''}.</p>`;
    case 'failed':
      return html`<p class="notice bad">The redrive of ${what} by ${actor} ended early, because Redis did not answer: ${done}. Ask again for the rest.</p>`;
  }
}

function waiting({ waiting: runs, now }: Overview): string {
  if (runs.length === 0) return html`<p class="quiet">Nothing waits.</p>`;
  const rows = runs.map(
    ({ runId, flow, status, createdAt, waitingFor }) =>
      html`<tr><td>!${runLink(runId)}</td><td>${flow}</td><td>!${statusBadge(status)}</td><td class="why">${waitingFor ? waitsFor(waitingFor, now) : ''}</td><td class="when">!${time(createdAt, now)}</td></tr>
`,
  );
  return html`<div class="scroll"><table>
<thead><tr><th>Run</th><th>Flow</th><th>Status</th><th>Waits for</th><th class="when">Accepted</th></tr></thead>
<tbody>
!${rows}</tbody></table></div>
`;
}

function waitsFor(waitingFor: WaitingFor, now: number): string {
  const { until } = waitingFor;
  const left = until === undefined || until <= now ? '' : `, ${inWords(until - now)} left`;
  if (waitingFor.kind === 'start') return `its start${left}`;
  if (waitingFor.kind === 'lane') return 'a place in its lane';
  if (waitingFor.kind === 'paused') return 'its flow or tenant to be resumed';
  return 'step' in waitingFor
    ? `${waitingFor.kind === 'throttle' ? 'the limit of ' : 'retry of '}${waitingFor.step}${left}`
    : `${waitingFor.kind} ${waitingFor.name}${left}`;
}
