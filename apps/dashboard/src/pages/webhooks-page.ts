import type { WebhookEndpoint } from '@holdfast/operations';
import type { Delivery } from '@holdfast/outgoing';
import { shortId } from '@holdfast/run-view';
import { html } from 'ghtml';
import type { Operator } from '../plugins/login.ts';
import { layout } from './layout.ts';
import { confirmed, runLink, time } from './parts.ts';

const NAMES = { active: 'completed', paused: 'suspended', disabled: 'failed' } as const;
const STATES = { delivered: 'completed', pending: 'suspended', dead: 'dead' } as const;

const badge = (look: string, words: string) => html`<span class="status s-${look}">${words}</span>`;

/** All endpoints, of every tenant. */
export function webhooksPage({
  endpoints,
  operator,
  now,
}: {
  readonly endpoints: readonly WebhookEndpoint[];
  readonly operator: Operator;
  readonly now: number;
}): string {
  const many = new Set(endpoints.map(({ tenant }) => tenant)).size > 1;
  const rows = endpoints.map(
    (endpoint) =>
      html`<tr><td><a class="id" href="/webhooks/${endpoint.id}?tenant=${endpoint.tenant}" title="${endpoint.id}">${shortId(endpoint.id)}</a>!${endpoint.description === undefined ? '' : html`<br><span class="quiet">${endpoint.description}</span>`}</td>
!${many ? html`<td>${endpoint.tenant}</td>` : ''}<td>!${badge(NAMES[endpoint.status], endpoint.status)}</td><td><code>${urlFor(operator, endpoint)}</code></td><td>${endpoint.events.join(', ')}</td><td class="when">!${time(endpoint.createdAt, now)}</td></tr>
`,
  );
  const table =
    rows.length === 0
      ? html`<p class="quiet">No endpoints. Create one with <code>holdfast webhooks create</code> or <code>POST /v1/webhook-endpoints</code>.</p>`
      : html`<div class="scroll"><table>
<thead><tr><th>Endpoint</th>!${many ? '<th>Tenant</th>' : ''}<th>Status</th><th>URL</th><th>Events</th><th class="when">Created</th></tr></thead>
<tbody>
!${rows}</tbody></table></div>
`;
  return layout({
    ...{ title: 'Webhooks', at: 'webhooks', operator },
    main: html`<h1>Webhooks</h1>
<p class="quiet">Where events of runs are sent.</p>
!${table}`,
  });
}

export interface EndpointPageParts {
  readonly endpoint: WebhookEndpoint;
  readonly deliveries: readonly Delivery[];
  readonly status: Delivery['status'] | undefined;
  readonly nextCursor: string | undefined;
  readonly operator: Operator;
  readonly now: number;
}

/** One endpoint, what can be done with it, and what was sent to it. */
export function endpointPage(parts: EndpointPageParts): string {
  const { endpoint, operator, now } = parts;
  return layout({
    ...{ title: `Webhooks to ${new URL(endpoint.url).host}`, at: 'webhooks', operator },
    main: html`<h1>Webhooks to ${new URL(endpoint.url).host}</h1>
<p>!${badge(NAMES[endpoint.status], endpoint.status)} ${standing(endpoint)}</p>
<dl class="by"><dt>Endpoint</dt><dd><code class="whole">${endpoint.id}</code></dd><dt>Tenant</dt><dd>${endpoint.tenant}</dd><dt>URL</dt><dd><code class="whole">${urlFor(operator, endpoint)}</code></dd><dt>Events</dt><dd>${endpoint.events.join(', ')}</dd><dt>Created</dt><dd>!${time(endpoint.createdAt, now)}</dd></dl>
!${operator.role === 'admin' ? actions(endpoint) : ''}
<h2>Deliveries</h2>
!${filter(parts)}
!${deliveryTable(parts)}`,
  });
}

function standing({ status }: WebhookEndpoint): string {
  switch (status) {
    case 'active':
      return 'Events are sent as they happen.';
    case 'paused':
      return 'Nothing is sent. Its events are kept, and are sent once it is active.';
    case 'disabled':
      return 'It answered 410: it wants nothing more, and nothing is kept for it.';
  }
}

function actions({ id, tenant, status }: WebhookEndpoint): string {
  const fields = { tenant };
  const turn =
    status === 'active'
      ? confirmed({
          ...{ id: 'pause', summary: 'Pause…', button: 'Pause', action: `/webhooks/${id}/pause`, fields },
          body: html`<p>Nothing more is sent to it. Its events are kept until it is resumed.</p>`,
        })
      : confirmed({
          ...{ id: 'resume', summary: 'Resume…', button: 'Resume', action: `/webhooks/${id}/resume`, fields },
          body: html`<p>What was kept for it is sent, and what happens from now on.</p>`,
        });
  const test = confirmed({
    ...{ id: 'test', summary: 'Send a test…', button: 'Send', action: `/webhooks/${id}/test`, fields },
    body: html`<p>An event of the type <code>webhook.test</code> is sent at once.</p>`,
  });
  return `${turn}${test}`;
}

function filter({ endpoint: { id, tenant }, status }: EndpointPageParts): string {
  const options = ['pending', 'delivered', 'dead'].map(
    (each) => html`<option!${each === status ? ' selected' : ''}>${each}</option>`,
  );
  return html`<form method="get" action="/webhooks/${id}" class="filter" role="search" aria-label="Deliveries">
<input type="hidden" name="tenant" value="${tenant}">
<label>Status <select name="status"><option value="">any</option>!${options}</select></label>
<button>Show</button>
</form>
`;
}

function deliveryTable(parts: EndpointPageParts): string {
  const { endpoint, deliveries, status, nextCursor, operator, now } = parts;
  if (deliveries.length === 0)
    return html`<p class="quiet">${status === undefined ? 'Nothing was sent yet.' : `No delivery is ${status}.`}</p>`;
  const rows = deliveries.map(
    (delivery) =>
      html`<tr><td><code title="${delivery.id}">${shortId(delivery.id)}</code><br><span class="quiet">${delivery.event}</span></td><td>!${badge(STATES[delivery.status], delivery.status)}</td><td>${delivery.attempts}</td><td class="why">!${answer(delivery, operator)}</td><td>!${delivery.runId === undefined ? '–' : runLink(delivery.runId)}</td><td class="when">!${time(delivery.createdAt, now)}</td>!${operator.role === 'admin' ? html`<td>!${retry(endpoint, delivery)}</td>` : ''}</tr>
`,
  );
  const query = new URLSearchParams({ tenant: endpoint.tenant, ...(status && { status }) });
  if (nextCursor !== undefined) query.set('cursor', nextCursor);
  return html`<div class="scroll"><table>
<thead><tr><th>Delivery, event</th><th>Status</th><th>Tries</th><th>Last answer</th><th>Run</th><th class="when">Created</th>!${operator.role === 'admin' ? '<th></th>' : ''}</tr></thead>
<tbody>
!${rows}</tbody></table></div>
!${nextCursor === undefined ? '' : html`<p><a rel="next" href="/webhooks/${endpoint.id}?${query}">Further on</a></p>`}`;
}

/** What an endpoint says may be about a customer: for those who may operate. */
function answer(delivery: Delivery, { role }: Operator): string {
  const { lastStatus, lastError, latencyMs, responseExcerpt } = delivery;
  const what = lastStatus === undefined ? (lastError ?? '–') : String(lastStatus);
  const took = latencyMs === undefined ? '' : ` in ${latencyMs} ms`;
  const said =
    role === 'admin' && responseExcerpt !== undefined
      ? html`<br><span class="quiet">${responseExcerpt}</span>`
      : '';
  return html`${what}${took}!${said}`;
}

function retry({ id, tenant }: WebhookEndpoint, delivery: Delivery): string {
  return html`<form method="post" action="/webhooks/${id}/retry"><input type="hidden" name="tenant" value="${tenant}"><input type="hidden" name="delivery" value="${delivery.id}"><button>Send again</button></form>`;
}

/** A path may be a credential: who only looks sees where it leads, and no more. */
function urlFor({ role }: Operator, { url }: WebhookEndpoint): string {
  return role === 'admin' ? url : new URL(url).origin;
}
