import { type Client, isTerminal } from '@holdfast/engine';
import type { Actor, WebhookEndpoint, WebhookEndpoints } from '@holdfast/operations';
import {
  DELIVERY_STATUSES,
  type Deliveries,
  type Delivery,
  type DeliveryDesk,
  runOfDelivery,
} from '@holdfast/outgoing';
import { iso, time } from '@holdfast/run-view';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { actorOf, principalOf } from '../plugins/authentication.ts';
import { ProblemError } from '../problems.ts';
import { expectNoBody, readBody } from '../read-body.ts';
import { moment, page, readQuery } from '../read-query.ts';
import { eventNames } from './webhook-endpoints.ts';

export interface WebhookDeliveryRoutesOptions {
  readonly client: Client;
  /** @throws ProblemError when there can be none */
  readonly endpoints: () => WebhookEndpoints;
  readonly deliveries: Deliveries;
  readonly desk: DeliveryDesk;
  /** Does something with deliveries, with an entry in the audit log. */
  readonly audited: <T>(
    actor: Actor,
    tenant: string,
    what: AuditedDelivery,
    act: () => Promise<T>,
  ) => Promise<T>;
}

export interface AuditedDelivery {
  readonly action: 'test_webhook_endpoint' | 'retry_webhook_delivery' | 'replay_webhooks';
  readonly detail: Readonly<Record<string, string>>;
}

/** What `GET /v1/webhook-endpoints/{id}/deliveries` takes. */
export const DeliveriesQuery = z.strictObject({
  status: z.enum(DELIVERY_STATUSES).optional(),
  ...page,
});

/** What `POST /v1/webhook-endpoints/{id}/replay` takes. */
export const ReplayBody = z
  .strictObject({
    since: moment,
    until: moment,
    events: eventNames.optional().meta({ description: "Only these of the endpoint's events." }),
  })
  .refine(({ since, until }) => since < until, { path: ['until'], error: 'expected a time after `since`' });

export const DeliveryJson = z.strictObject({
  id: z.string().meta({ description: 'The `webhook-id` of every request, also of a retry or replay.' }),
  event: z.string(),
  runId: z.string().optional().meta({ description: 'Absent for a test.' }),
  status: z.enum(DELIVERY_STATUSES).meta({
    description:
      'dead: it is not tried again by itself; its run is among the dead letters, or the endpoint is disabled.',
  }),
  attempts: z.int().min(0),
  lastStatus: z.int().optional().meta({ description: 'Of the last answer; absent when there was none.' }),
  lastError: z.string().optional(),
  latencyMs: z.int().min(0).optional().meta({ description: 'Of the last request.' }),
  responseExcerpt: z.string().optional().meta({
    description:
      'The first 200 characters of the last answer, without what looks like a secret, a card or a mail address.',
  }),
  createdAt: time,
  deliveredAt: time.optional(),
});
export const DeliveryListJson = z.strictObject({
  data: z.array(DeliveryJson),
  nextCursor: z.string().optional(),
});
export const TestJson = z.strictObject({ id: z.string().meta({ description: "The delivery's id." }) });
export const RetryJson = TestJson;
export const ReplayJson = z.strictObject({
  count: z.int().min(0).meta({ description: 'How many events are sent.' }),
});

const CURSOR = /^\d{1,16}:msg_[0-9a-f]{32}$/;
const DELIVERY_ID = /^msg_[0-9a-f]{32}$/;

type OfEndpoint = { Params: { id: string } };
type OfDelivery = { Params: { id: string; deliveryId: string } };

/** `/v1/webhook-endpoints/{id}/…`: what was sent to an endpoint, and sending it again. */
export async function webhookDeliveryRoutes(
  app: FastifyInstance,
  { client, endpoints, deliveries, desk, audited }: WebhookDeliveryRoutesOptions,
): Promise<void> {
  const operate = { config: { access: 'operate' } } as const;
  const withoutBody = { config: { ...operate.config, body: 'none' } } as const;
  const path = '/v1/webhook-endpoints/:id';

  const endpointOf = async (request: FastifyRequest<OfEndpoint>): Promise<WebhookEndpoint> => {
    const endpoint = await endpoints().get(principalOf(request).tenant, request.params.id);
    if (endpoint) return endpoint;
    throw new ProblemError('webhook_endpoint_not_found', 'There is no webhook endpoint with this id.');
  };
  const audit = <T>(request: FastifyRequest, what: AuditedDelivery, act: () => Promise<T>) =>
    audited(actorOf(request), principalOf(request).tenant, what, act);

  app.get<OfEndpoint>(`${path}/deliveries`, { config: { access: 'read' } }, async (request, reply) => {
    const { cursor, limit, status } = readQuery(DeliveriesQuery, request.query);
    if (cursor !== undefined && !CURSOR.test(cursor))
      throw new ProblemError(
        'cursor_invalid',
        'Unknown cursor. Pass the `nextCursor` of this list unchanged.',
      );
    const { tenant, id } = await endpointOf(request);
    const found = await deliveries.list(tenant, id, { cursor, limit, status });
    const data = await Promise.all(found.data.map((delivery) => present(client, delivery)));
    const more = found.nextCursor !== undefined && { nextCursor: found.nextCursor };
    return reply
      .header('cache-control', 'private, no-store')
      .send({ data, ...more } satisfies z.infer<typeof DeliveryListJson>);
  });

  app.post<OfEndpoint>(`${path}/test`, withoutBody, async (request, reply) => {
    expectNoBody(request.body);
    const { tenant, id } = await endpointOf(request);
    const what = { action: 'test_webhook_endpoint', detail: { endpoint: id } } as const;
    const delivery = await audit(request, what, () => desk.test(tenant, id));
    return reply.code(202).send({ id: delivery } satisfies z.infer<typeof TestJson>);
  });

  app.post<OfDelivery>(`${path}/deliveries/:deliveryId/retry`, withoutBody, async (request, reply) => {
    expectNoBody(request.body);
    const { tenant, id } = await endpointOf(request);
    const { deliveryId: delivery } = request.params;
    const known = DELIVERY_ID.test(delivery) ? await deliveries.get(tenant, id, delivery) : undefined;
    if (!known) throw noDelivery();
    const what = { action: 'retry_webhook_delivery', detail: { endpoint: id, delivery } } as const;
    const sent = await audit(request, what, () => desk.retry(tenant, id, delivery));
    if (!sent) throw noDelivery();
    return reply.code(202).send({ id: delivery } satisfies z.infer<typeof RetryJson>);
  });

  app.post<OfEndpoint>(`${path}/replay`, operate, async (request, reply) => {
    const { since, until, events } = readBody(ReplayBody, request.body);
    const { tenant, id, events: filter } = await endpointOf(request);
    const filters = [filter, ...(events ? [events] : [])];
    const detail = { endpoint: id, since: iso(since), until: iso(until) };
    const count = await audit(request, { action: 'replay_webhooks', detail }, () =>
      desk.replay(tenant, id, { since, until, filters }),
    );
    return reply.code(202).send({ count } satisfies z.infer<typeof ReplayJson>);
  });
}

function noDelivery(): ProblemError {
  return new ProblemError('webhook_delivery_not_found', 'This endpoint has no delivery with this id.');
}

/** A delivery whose run died of something else than its tries, or was cancelled, is dead too. */
async function present(client: Client, delivery: Delivery): Promise<z.infer<typeof DeliveryJson>> {
  const { id, tenant, endpoint: _, createdAt, deliveredAt, ...shown } = delivery;
  const run =
    shown.status === 'pending' ? await client.getRun(tenant, runOfDelivery(id), { input: false }) : undefined;
  const isOver = run && (run.status === 'dead' || (isTerminal(run.status) && run.status !== 'completed'));
  return {
    ...{ id, ...shown, createdAt: iso(createdAt) },
    ...(isOver && { status: 'dead' }),
    ...(deliveredAt !== undefined && { deliveredAt: iso(deliveredAt) }),
  };
}
