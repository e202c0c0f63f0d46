import type { ProviderHealth } from '@holdfast/http';
import type { AuditEntry } from '@holdfast/operations';
import { inWords, moment } from '@holdfast/run-view';
import { html } from 'ghtml';
import type { Operator } from '../plugins/login.ts';
import { confirmed, time } from './parts.ts';

export interface ProvidersParts {
  readonly providers: readonly ProviderHealth[];
  /** What people did about all of them, the latest first. */
  readonly reopened: readonly AuditEntry[];
  readonly operator: Operator;
  readonly now: number;
}

/** How the providers are doing, and what keeps calls from them. */
export function providerTable({ providers, reopened, operator, now }: ProvidersParts): string {
  if (providers.length === 0) return html`<p class="quiet">No provider was called in the last week.</p>`;
  const rows = providers.map((each) => {
    const { provider, calls, errorRate, latencyMs, lastErrors } = each;
    const [last] = lastErrors;
    const error = last
      ? html`<code>${last.code}</code> <span class="quiet">!${time(Date.parse(last.at), now)}</span>`
      : '';
    return html`<tr><th scope="row">${provider}</th><td class="state">!${stateOf(each, now)}</td><td class="number" data-label="failed">!${failedShare(calls, errorRate)}</td><td class="number" data-label="calls">${calls}</td><td class="number" data-label="p95">${latencyMs ? inWords(latencyMs.p95) : ''}</td><td class="number" data-label="limit">${limitOf(each)}</td><td class="why">!${error}</td></tr>
`;
  });
  const closed = providers.filter((each) => closedUntil(each, now) !== undefined);
  const buttons =
    operator.role === 'admin' ? [...new Set(closed.map(({ provider }) => provider))].map(reopenForm) : [];
  return html`<div class="scroll"><table>
<thead><tr><th>Provider</th><th>State</th><th class="number">Failed</th><th class="number">Calls</th><th class="number">p95</th><th class="number">Limit</th><th>Last error</th></tr></thead>
<tbody>
!${rows}</tbody></table></div>
!${buttons}!${reopened.slice(0, 3).map((entry) => reopenedLine(entry, now))}<p class="quiet">Over the last ${providers[0]?.minutes ?? 0} minutes, all workers together.</p>
`;
}

/** Of the account; else of the endpoint that is slowed most. */
function limitOf({ limit, endpoints }: ProviderHealth): string {
  const perSecond = (rate: number) => `${Math.round(rate * 10) / 10} /s`;
  if (limit.learnedPerSecond !== undefined) return perSecond(limit.learnedPerSecond);
  const [slowest] = endpoints
    .flatMap(({ endpoint, learnedPerSecond: rate }) => (rate === undefined ? [] : [{ endpoint, rate }]))
    .toSorted((a, b) => a.rate - b.rate);
  return slowest ? `${perSecond(slowest.rate)} (${slowest.endpoint})` : '';
}

/** When calls may be made again, as far as it is known; undefined while they may be made. */
function closedUntil({ limit, endpoints, breaker }: ProviderHealth, now: number): number | undefined {
  const probeMs =
    breaker.state === 'open' ? breaker.probeInMs : breaker.state === 'half_open' ? 0 : undefined;
  const closedForMs = Math.max(...[limit, ...endpoints].map((each) => each.closedForMs));
  if (closedForMs <= 0 && probeMs === undefined) return undefined;
  return now + Math.max(closedForMs, probeMs ?? 0);
}

/** A share of calls that fail from which on it is not going well. */
const FAILING = 0.1;

function stateOf(health: ProviderHealth, now: number): string {
  const { limit, endpoints, breaker, calls, errorRate } = health;
  const until = closedUntil(health, now);
  if (until === undefined) {
    return calls > 0 && errorRate >= FAILING
      ? html`<span class="step bad">takes calls, many fail</span>`
      : html`<span class="step good">takes calls</span>`;
  }
  if (breaker.state === 'half_open' && limit.closedForMs <= 0)
    return html`<span class="step bad">down: a call is let through to see</span>`;
  const shut = endpoints.filter(({ closedForMs }) => closedForMs > 0).map(({ endpoint }) => endpoint);
  if (shut.length > 0 && limit.closedForMs <= 0 && breaker.state === 'closed')
    return html`<span class="step bad">no calls to ${shut.join(', ')} until !${exact(until, now)}</span> <span class="quiet">it asked for a pause</span>`;
  const why = limit.closedForMs > 0 ? 'it asked for a pause' : 'down, the next call to see then';
  return html`<span class="step bad">no calls until !${exact(until, now)}</span> <span class="quiet">${why}</span>`;
}

function exact(until: number, now: number): string {
  const iso = new Date(until).toISOString();
  return html`<time datetime="${iso}" title="${iso}">${moment(until, now)}</time> (in ${inWords(until - now)})`;
}

function failedShare(calls: number, errorRate: number): string {
  const percent = `${Math.round(errorRate * 1_000) / 10} %`;
  return calls > 0 && errorRate >= FAILING ? html`<span class="bad-figure">${percent}</span>` : percent;
}

function reopenForm(provider: string): string {
  return confirmed({
    ...{ id: `reopen-${provider}`, summary: `Reopen ${provider}…`, button: `Reopen ${provider}` },
    body: html`<p>Calls to ${provider} are made again at once, whatever pause it asked for and however many failed; postponed runs come back within a minute. If it still refuses calls, the pause starts again.</p>`,
    action: '/providers/reopen',
    fields: { provider },
  });
}

function reopenedLine({ actor, via, at, detail }: AuditEntry, now: number): string {
  const provider =
    typeof detail === 'object' && detail !== null && 'provider' in detail ? detail.provider : '';
  return html`<p class="quiet">${actor} (${via}) reopened ${String(provider)} !${time(at, now)}.</p>`;
}
