import type { Client } from '@holdfast/engine';
import type { WebhookEndpoint } from '@holdfast/operations';
import { DELIVERY_STATUSES } from '@holdfast/outgoing';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { endpointPage, webhooksPage } from '../pages/webhooks-page.ts';
import { actorOf, operatorOf } from '../plugins/login.ts';
import { DashboardProblem } from '../problems.ts';
import type { WebhooksOut } from '../webhooks-out.ts';

export interface WebhooksRoutesOptions {
  readonly client: Pick<Client, 'tenants'>;
  readonly out: WebhooksOut;
}

const PAGE = 50;
const tenant = z.string().min(1).max(100);
const Query = z.object({
  tenant: tenant,
  status: z.enum(DELIVERY_STATUSES).optional().catch(undefined),
  cursor: z
    .string()
    .regex(/^\d{1,16}:msg_[0-9a-f]{32}$/)
    .optional()
    .catch(undefined),
});
const Form = z.object({ tenant });
const RetryForm = Form.extend({ delivery: z.string().regex(/^msg_[0-9a-f]{32}$/) });

interface OfEndpoint {
  Params: { id: string };
}

/** `/webhooks`: the endpoints, and for each what was sent to it. */
export async function webhooksRoutes(
  app: FastifyInstance,
  { client, out }: WebhooksRoutesOptions,
): Promise<void> {
  const noEndpoint = () => new DashboardProblem(404, 'page_not_found', 'There is no such webhook endpoint.');
  const endpointOf = async (
    id: string,
    asked: z.infer<typeof tenant> | undefined,
  ): Promise<WebhookEndpoint> => {
    const endpoint = asked === undefined ? undefined : await out.endpoints.get(asked, id);
    if (!endpoint) throw noEndpoint();
    return endpoint;
  };

  app.get('/webhooks', async (request, reply) => {
    const tenants = await client.tenants();
    const endpoints = await Promise.all(tenants.map((each) => allOf(out, each)));
    reply.type('text/html; charset=utf-8');
    return webhooksPage({ endpoints: endpoints.flat(), operator: operatorOf(request), now: Date.now() });
  });

  app.get<OfEndpoint>('/webhooks/:id', async (request, reply) => {
    const query = Query.safeParse(request.query).data;
    const endpoint = await endpointOf(request.params.id, query?.tenant);
    const { status, cursor } = query ?? {};
    const found = await out.deliveries.list(endpoint.tenant, endpoint.id, { status, cursor, limit: PAGE });
    reply.type('text/html; charset=utf-8');
    return endpointPage({
      ...{ endpoint, deliveries: found.data, status, nextCursor: found.nextCursor },
      ...{ operator: operatorOf(request), now: Date.now() },
    });
  });

  for (const [name, status] of [
    ['pause', 'paused'],
    ['resume', 'active'],
  ] as const) {
    app.post<OfEndpoint>(`/webhooks/:id/${name}`, async (request, reply) => {
      const endpoint = await endpointOf(request.params.id, Form.safeParse(request.body).data?.tenant);
      await out.endpoints.change(actorOf(request), endpoint.tenant, endpoint.id, { status });
      return reply.redirect(pathOf(endpoint), 303);
    });
  }

  app.post<OfEndpoint>('/webhooks/:id/test', async (request, reply) => {
    const endpoint = await endpointOf(request.params.id, Form.safeParse(request.body).data?.tenant);
    await out.test(actorOf(request), endpoint.tenant, endpoint.id);
    return reply.redirect(pathOf(endpoint), 303);
  });

  app.post<OfEndpoint>('/webhooks/:id/retry', async (request, reply) => {
    const form = RetryForm.safeParse(request.body).data;
    const endpoint = await endpointOf(request.params.id, form?.tenant);
    const sent = await out.retry(actorOf(request), endpoint.tenant, endpoint.id, form?.delivery ?? '');
    if (!sent) throw new DashboardProblem(404, 'page_not_found', 'There is no such delivery any more.');
    return reply.redirect(pathOf(endpoint), 303);
  });
}

function pathOf({ id, tenant: of }: WebhookEndpoint): string {
  return `/webhooks/${id}?${new URLSearchParams({ tenant: of })}`;
}

async function allOf(out: WebhooksOut, of: string): Promise<WebhookEndpoint[]> {
  const found: WebhookEndpoint[] = [];
  let cursor: string | undefined;
  do {
    const next = await out.endpoints.list(of, { cursor, limit: 100 });
    found.push(...next.data);
    cursor = next.nextCursor;
  } while (cursor !== undefined);
  return found;
}
