import { type Client, type Log, tenantEvents } from '@holdfast/engine';
import {
  type Actor,
  createAuditLog,
  createWebhookEndpoints,
  type WebhookEndpoints,
} from '@holdfast/operations';
import { createDeliveries, createDeliveryDesk, type Deliveries, type DeliveryDesk } from '@holdfast/outgoing';
import type { RedisConnection, Sealer } from '@holdfast/redis';

/** What the dashboard does with endpoints of webhooks and with what was sent to them. */
export interface WebhooksOut {
  readonly endpoints: Pick<WebhookEndpoints, 'list' | 'get' | 'change'>;
  readonly deliveries: Pick<Deliveries, 'list'>;
  /** With an entry in the audit log. */
  test(actor: Actor, tenant: string, endpoint: string): Promise<void>;
  /** @returns false when there is no such delivery */
  retry(actor: Actor, tenant: string, endpoint: string, delivery: string): Promise<boolean>;
}

/** Secrets are made and shown by the API alone. */
const NO_SECRETS: Sealer = {
  seal: () => {
    throw new Error('the dashboard makes no secrets');
  },
  open: () => {
    throw new Error('the dashboard shows no secrets');
  },
};

/** @param client knows the flow of deliveries */
export function webhooksOut(connection: RedisConnection, client: Client, log: Log): WebhooksOut {
  const audit = createAuditLog({ connection, log });
  const deliveries = createDeliveries({ connection });
  const desk: DeliveryDesk = createDeliveryDesk({
    ...{ deliveries, client, events: tenantEvents(connection), eventsOfFlows: {} },
  });
  return {
    endpoints: createWebhookEndpoints({ connection, sealer: NO_SECRETS, log }),
    deliveries,
    async test(actor, tenant, endpoint) {
      const action = { action: 'test_webhook_endpoint', tenant, detail: { endpoint } } as const;
      const done = () => ({ outcome: 'done' });
      await audit.around(actor, action, () => desk.test(tenant, endpoint), done);
    },
    retry(actor, tenant, endpoint, delivery) {
      const action = { action: 'retry_webhook_delivery', tenant, detail: { endpoint, delivery } } as const;
      return audit.around(
        actor,
        action,
        () => desk.retry(tenant, endpoint, delivery),
        (sent) => (sent ? { outcome: 'done' } : undefined),
      );
    },
  };
}
