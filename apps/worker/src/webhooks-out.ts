import {
  createClient,
  type Flow,
  type FlowContract,
  type Log,
  type PayloadCodec,
  tenantEvents,
} from '@holdfast/engine';
import { type Alerts, createWebhookEndpoints } from '@holdfast/operations';
import {
  type AllowList,
  createDeliverer,
  createDeliveries,
  createEndpointGuard,
  deliveryContract,
  deliveryFlow,
  type EventsOfFlows,
  startHandOver,
} from '@holdfast/outgoing';
import type { RedisConnection, Sealer } from '@holdfast/redis';

export interface WebhooksOutOptions {
  readonly connection: RedisConnection;
  /** As it is now. */
  readonly sealer: () => Sealer;
  readonly allow: AllowList;
  /** Those of the project. */
  readonly flows: readonly FlowContract[];
  /** Absent: payloads are kept as they are. */
  readonly codec: PayloadCodec | undefined;
  readonly eventsOfFlows: EventsOfFlows;
  readonly retentionMs: number | undefined;
  readonly retryScale: number;
  readonly alerts: Alerts | undefined;
  readonly log: Log;
}

/** Delivers events to the endpoints of their tenants. */
export interface WebhooksOut {
  readonly flow: Flow;
  /** Hands events over from now on. */
  start(): void;
  /** Hands no more over; call it once no delivery is under way. */
  close(): Promise<void>;
}

export function webhooksOut(options: WebhooksOutOptions): WebhooksOut {
  const { connection, sealer, allow, flows, codec, eventsOfFlows, retentionMs, retryScale, alerts, log } =
    options;
  const client = createClient({ connection, flows: [...flows, deliveryContract], codec });
  const guard = createEndpointGuard({ allow });
  const endpoints = createWebhookEndpoints({
    ...{ connection, log },
    sealer: {
      seal: (plain, purpose) => sealer().seal(plain, purpose),
      open: (sealed, purpose) => sealer().open(sealed, purpose),
    },
  });
  const deliveries = createDeliveries({ connection, ...(retentionMs !== undefined && { retentionMs }) });
  const deliverer = createDeliverer({
    ...{ deliveries, endpoints, guard, client, log },
    onEndpoint: ({ tenant, endpoint, became }) => {
      if (became === 'paused') void alerts?.raise({ kind: 'webhook_endpoint_paused', tenant, endpoint });
    },
  });
  const handsOver = {
    ...{ events: tenantEvents(connection), deliveries, endpoints, client, flows, eventsOfFlows, log },
    ready: () => connection.status === 'ready',
  };
  let handingOver: ReturnType<typeof startHandOver> | undefined;
  return {
    flow: deliveryFlow(deliverer, retryScale),
    start() {
      handingOver = startHandOver(handsOver);
    },
    async close() {
      await handingOver?.close();
      await guard.close();
      await client.close();
    },
  };
}
