import { duration } from '@holdfast/app-kit';
import {
  ENDPOINT_STATUSES,
  EndpointEvents,
  type Repeatable,
  type WebhookEndpoint,
  type WebhookEndpoints,
} from '@holdfast/operations';
import { type EndpointGuard, EndpointRefusedError } from '@holdfast/outgoing';
import { time } from '@holdfast/run-view';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { fingerprintOf } from '../fingerprint.ts';
import { readIdempotencyKey } from '../idempotency-key.ts';
import { actorOf, principalOf } from '../plugins/authentication.ts';
import { ProblemError } from '../problems.ts';
import { expectNoBody, readBody } from '../read-body.ts';
import { page, readQuery } from '../read-query.ts';

export interface WebhookEndpointRoutesOptions {
  /** @throws ProblemError when there can be none */
  readonly endpoints: () => WebhookEndpoints;
  readonly guard: Pick<EndpointGuard, 'check'>;
}

export const eventNames = EndpointEvents.meta({
  description: 'Names of events, such as `run.completed`, or all of a kind, such as `payment.*`.',
});
const description = z.string().max(500);
const url = z.string().min(1).max(2_048).meta({ description: 'Public, and https.' });

/** What `POST /v1/webhook-endpoints` takes. */
export const NewEndpointBody = z.strictObject({
  url,
  events: eventNames,
  description: description.optional(),
});

/** What `PATCH /v1/webhook-endpoints/{id}` takes. */
export const ChangeEndpointBody = z.strictObject({
  url: url.optional(),
  events: eventNames.optional(),
  description: description.optional().meta({ description: 'Empty removes it.' }),
  status: z.enum(['active', 'paused']).optional(),
});

const MAX_OVERLAP_MS = 30 * 24 * 60 * 60 * 1_000;

/** What `POST /v1/webhook-endpoints/{id}/rotate-secret` takes. */
export const RotateSecretBody = z.strictObject({
  overlap: duration
    .refine((ms) => ms >= 0 && ms <= MAX_OVERLAP_MS, 'expected at most 30 days')
    .meta({ description: 'How long the secret before signs as well, as in `24h`.', examples: ['24h'] }),
});

export const EndpointsQuery = z.strictObject(page);

const EndpointJson = z.strictObject({
  id: z.string(),
  url: z.string(),
  events: z.array(z.string()),
  description: z.string().optional(),
  status: z.enum(ENDPOINT_STATUSES),
  createdAt: time,
});
const secret = z.string().meta({ description: 'Signs what is sent (Standard Webhooks). Shown here only.' });
export const WebhookEndpointJson = EndpointJson;
export const CreatedEndpointJson = EndpointJson.extend({ secret });
export const SecretJson = z.strictObject({ secret });
export const EndpointListJson = z.strictObject({
  data: z.array(EndpointJson),
  nextCursor: z.string().optional(),
});

const CURSOR = /^\d{1,16}:whe_[0-9a-f]{32}$/;

/** `/v1/webhook-endpoints`: where a tenant has its events sent. */
export async function webhookEndpointRoutes(
  app: FastifyInstance,
  { endpoints, guard }: WebhookEndpointRoutesOptions,
): Promise<void> {
  const read = { config: { access: 'read' } } as const;
  const operate = { config: { access: 'operate' } } as const;
  const remembers = { config: { ...operate.config, remembersAnswers: true } } as const;
  const withoutBody = { config: { ...operate.config, body: 'none' } } as const;
  const path = '/v1/webhook-endpoints';

  const checked = async (text: string): Promise<string> => {
    try {
      return await guard.check(text);
    } catch (error) {
      if (!(error instanceof EndpointRefusedError)) throw error;
      throw new ProblemError('webhook_url_refused', error.message);
    }
  };

  app.post(path, remembers, async (request, reply) => {
    const body = readBody(NewEndpointBody, request.body);
    const repeatable = repeatableOf(request, path, body);
    const endpoint = { ...body, url: await checked(body.url) };
    const made = await endpoints().create(
      actorOf(request),
      principalOf(request).tenant,
      endpoint,
      repeatable,
    );
    if (made.outcome === 'key_reused') throw keyReused();
    if (made.outcome === 'replayed') reply.header('idempotent-replayed', 'true');
    const { value } = made;
    return reply
      .code(201)
      .header('cache-control', 'no-store')
      .header('location', `${path}/${value.id}`)
      .send({ ...present(value), secret: value.secret } satisfies z.infer<typeof CreatedEndpointJson>);
  });

  app.get(path, read, async (request, reply) => {
    const { cursor, limit } = readQuery(EndpointsQuery, request.query);
    if (cursor !== undefined && !CURSOR.test(cursor))
      throw new ProblemError(
        'cursor_invalid',
        'Unknown cursor. Pass the `nextCursor` of this list unchanged.',
      );
    const found = await endpoints().list(principalOf(request).tenant, { cursor, limit });
    const more = found.nextCursor !== undefined && { nextCursor: found.nextCursor };
    return reply
      .header('cache-control', 'private, no-store')
      .send({ data: found.data.map(present), ...more } satisfies z.infer<typeof EndpointListJson>);
  });

  app.get<{ Params: { id: string } }>(`${path}/:id`, read, async (request, reply) => {
    const endpoint = await endpoints().get(principalOf(request).tenant, request.params.id);
    if (!endpoint) throw notFound();
    return reply.header('cache-control', 'private, no-store').send(present(endpoint));
  });

  app.patch<{ Params: { id: string } }>(`${path}/:id`, operate, async (request, reply) => {
    const body = readBody(ChangeEndpointBody, request.body);
    const change = body.url === undefined ? body : { ...body, url: await checked(body.url) };
    const { tenant } = principalOf(request);
    const changed = await endpoints().change(actorOf(request), tenant, request.params.id, change);
    if (!changed) throw notFound();
    return reply.header('cache-control', 'private, no-store').send(present(changed));
  });

  app.delete<{ Params: { id: string } }>(`${path}/:id`, withoutBody, async (request, reply) => {
    expectNoBody(request.body);
    const { tenant } = principalOf(request);
    if (!(await endpoints().delete(actorOf(request), tenant, request.params.id))) throw notFound();
    return reply.code(204).send();
  });

  app.post<{ Params: { id: string } }>(`${path}/:id/rotate-secret`, remembers, async (request, reply) => {
    const body = readBody(RotateSecretBody, request.body);
    const { id } = request.params;
    const repeatable = repeatableOf(request, `${path}/${id}/rotate-secret`, body);
    const { tenant } = principalOf(request);
    const rotated = await endpoints().rotateSecret(actorOf(request), tenant, id, body.overlap, repeatable);
    if (!rotated) throw notFound();
    if (rotated.outcome === 'key_reused') throw keyReused();
    if (rotated.outcome === 'replayed') reply.header('idempotent-replayed', 'true');
    return reply.header('cache-control', 'no-store').send({ secret: rotated.value.secret });
  });
}

/** These may come without a key: then each is a request of its own. */
function repeatableOf(request: FastifyRequest, path: string, body: unknown): Repeatable | undefined {
  if (request.headers['idempotency-key'] === undefined) return undefined;
  return { key: readIdempotencyKey(request.raw), fingerprint: fingerprintOf('POST', path, body) };
}

function notFound(): ProblemError {
  return new ProblemError('webhook_endpoint_not_found', 'There is no webhook endpoint with this id.');
}

function keyReused(): ProblemError {
  return new ProblemError('idempotency_key_reused', 'This Idempotency-Key was used for another request.');
}

function present(endpoint: WebhookEndpoint): z.infer<typeof EndpointJson> {
  const { id, url, events, description, status, createdAt } = endpoint;
  const said = description !== undefined && { description };
  return { id, url, events: [...events], ...said, status, createdAt: new Date(createdAt).toISOString() };
}
