import { type Client, type Log, tenantEvents } from '@holdfast/engine';
import { createAuditLog, createWebhookEndpoints, type WebhookEndpoints } from '@holdfast/operations';
import {
  type AllowList,
  createDeliveries,
  createDeliveryDesk,
  createEndpointGuard,
  type Deliveries,
  type DeliveryDesk,
  type EndpointGuard,
  type EventsOfFlows,
} from '@holdfast/outgoing';
import type { RedisConnection, Sealer } from '@holdfast/redis';
import { ProblemError } from './problems.ts';
import type { WebhookDeliveryRoutesOptions } from './routes/webhook-deliveries.ts';

/** Where tenants have their events sent, and what was sent there. */
export interface WebhooksOut {
  /** @throws ProblemError when there can be none */
  readonly endpoints: () => WebhookEndpoints;
  readonly guard: EndpointGuard;
  readonly deliveries: Deliveries;
  readonly desk: DeliveryDesk;
  readonly audited: WebhookDeliveryRoutesOptions['audited'];
}

export interface WebhooksOutOptions {
  readonly connection: RedisConnection;
  /** Knows the flow of deliveries. */
  readonly client: Client;
  /** Seals secrets of endpoints. Absent: there can be none. */
  readonly sealer: Sealer | undefined;
  readonly allow: AllowList;
  readonly eventsOfFlows: EventsOfFlows;
  readonly log: Log;
}

export function webhooksOut({
  connection,
  client,
  sealer,
  allow,
  eventsOfFlows,
  log,
}: WebhooksOutOptions): WebhooksOut {
  const audit = createAuditLog({ connection, log });
  const endpoints = sealer && createWebhookEndpoints({ connection, sealer, log });
  const deliveries = createDeliveries({ connection });
  return {
    endpoints: () => {
      if (endpoints) return endpoints;
      throw new ProblemError(
        'encryption_keys_missing',
        'Secrets of endpoints are stored encrypted, and HOLDFAST_ENCRYPTION_KEYS is not set for the API.',
      );
    },
    guard: createEndpointGuard({ allow }),
    deliveries,
    desk: createDeliveryDesk({ deliveries, events: tenantEvents(connection), client, eventsOfFlows }),
    audited: (actor, tenant, what, act) =>
      audit.around(actor, { tenant, ...what }, act, () => ({ outcome: 'done' })),
  };
}
