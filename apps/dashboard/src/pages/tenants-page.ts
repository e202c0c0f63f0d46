import type { TenantsView, TenantView } from '@holdfast/operations';
import { counted } from '@holdfast/run-view';
import { html } from 'ghtml';
import type { Operator } from '../plugins/login.ts';
import { layout } from './layout.ts';
import { pauseForm, pauseNotices } from './pauses.ts';

export interface TenantsPageParts {
  readonly view: TenantsView;
  readonly flows: readonly string[];
  readonly operator: Operator;
  /** What became of what the operator just asked for. */
  readonly said: string | undefined;
  readonly now: number;
}

export function tenantsPage({ view, flows, operator, said, now }: TenantsPageParts): string {
  const { tenants, pauses, tenantsLeftOut, unfinished, unfinishedLookedAt } = view;
  const all = [...pauses, ...tenants.flatMap((each) => each.pauses)].sort((a, b) => a.at - b.at);
  const names = tenants.map(({ tenant }) => tenant);
  const left = [
    ...(unfinishedLookedAt < unfinished
      ? [`“Under way” is counted over ${unfinishedLookedAt} of ${counted(unfinished, 'unfinished run')}.`]
      : []),
    ...(tenantsLeftOut > 0 ? [`${counted(tenantsLeftOut, 'more tenant')} not shown.`] : []),
  ];
  const main = html`!${said ? html`<p class="notice" role="status">${said}</p>` : ''}<h1>Tenants</h1>
!${pauseNotices(all, now, operator)}
!${operator.role === 'admin' ? pauseForm(names, flows) : ''}
!${tenants.length === 0 ? html`<p class="quiet">No tenant has submitted a run yet.</p>` : tenantTable(tenants)}
<p class="quiet">!${limits(view)} Stored bytes are estimated from each tenant's newest runs. !${left.map((text) => html`${text} `)}</p>`;
  return layout({ title: 'Tenants', at: 'tenants', operator, main });
}

function tenantTable(tenants: readonly TenantView[]): string {
  const rows = tenants.map(
    (each) =>
      html`<tr><th scope="row"><a href="/runs?${new URLSearchParams({ tenant: each.tenant })}">${each.tenant}</a></th><td>!${state(each)}</td><td class="number" data-label="under way">${each.open}</td><td class="number" data-label="dead">${each.dead}</td><td class="number" data-label="kept">${each.kept}</td><td class="number" data-label="stored">≈ ${bytes(each.bytes)}</td><td class="number" data-label="requests">${each.requestsPerSecond} /s</td><td class="number" data-label="waits">${each.waits}</td><td class="number" data-label="streams">${each.streams}</td></tr>
`,
  );
  return html`<div class="scroll"><table>
<thead><tr><th>Tenant</th><th>State</th><th class="number">Under way</th><th class="number">Dead</th><th class="number">Kept</th><th class="number">Stored</th><th class="number">Requests</th><th class="number">Waits</th><th class="number">Streams</th></tr></thead>
<tbody>
!${rows}</tbody></table></div>
`;
}

function state({ pauses }: TenantView): string {
  if (pauses.length === 0) return '';
  const flows = pauses.flatMap(({ flow }) => flow ?? []);
  return flows.length < pauses.length
    ? '<span class="step bad">paused</span>'
    : html`<span class="step bad">paused: ${flows.join(', ')}</span>`;
}

function limits({ limits: { requestsPerSecond, waits, streams } }: TenantsView): string {
  if (waits + streams === 0) return 'No API process has said anything for a while.';
  const requests =
    requestsPerSecond === undefined
      ? 'any number of requests a second'
      : `${counted(requestsPerSecond, 'request')} a second`;
  return html`A tenant may use ${requests}, ${waits} waits and ${streams} streams of the API.`;
}

function bytes(n: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let [value, unit] = [n, 0];
  while (value >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${value >= 100 || unit === 0 ? Math.round(value) : Math.round(value * 10) / 10} ${units[unit]}`;
}
