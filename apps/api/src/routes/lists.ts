import { type Client, type FlowContract, type ListQuery, RUN_STATUSES, type RunPage } from '@holdfast/engine';
import { presentRun, type RunListJson } from '@holdfast/run-view';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { principalOf } from '../plugins/authentication.ts';
import { moment, page, readQuery } from '../read-query.ts';

const flow = z.string().min(1).max(100).optional();
const code = z
  .string()
  .min(1)
  .max(200)
  .optional()
  .meta({ description: 'The `error.code` of failed and dead runs.' });

/** As in `customer:cus_1`. */
export const tagFilter = z
  .string()
  .regex(/^[a-z0-9_-]{1,40}:[!-+\--~]{1,100}$/, 'expected name:value, such as customer:cus_1')
  .transform((text) => {
    const at = text.indexOf(':');
    return { name: text.slice(0, at), value: text.slice(at + 1) };
  });

/** What `GET /v1/runs` takes. */
export const RunsQuery = z.strictObject({
  flow,
  status: z.enum(RUN_STATUSES).optional(),
  code,
  key: z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, 'expected 1 to 255 visible ASCII characters')
    .optional()
    .meta({ description: 'The Idempotency-Key; exact. With `flow`, at most one run.' }),
  keyPrefix: z
    .string()
    .regex(/^[\x21-\x7e]{1,255}$/, 'expected 1 to 255 visible ASCII characters')
    .optional()
    .meta({
      description: 'What the Idempotency-Key begins with. Runs are looked through for it, the newest first.',
    }),
  tag: tagFilter.optional().meta({ description: 'Runs with this tag, as `name:value`; found by an index.' }),
  since: moment.optional().meta({ description: 'Created at this time or later.' }),
  until: moment.optional().meta({ description: 'Created before this time.' }),
  ...page,
});

/** What `GET /v1/dead-letters` takes. */
export const DeadLettersQuery = z.strictObject({ flow, code, ...page });

/** `GET /v1/runs` and `GET /v1/dead-letters`: a tenant's runs, page by page. */
export async function listRoutes(
  app: FastifyInstance,
  { client, contracts }: { readonly client: Client; readonly contracts: readonly FlowContract[] },
): Promise<void> {
  const read = { config: { access: 'read' } } as const;

  app.get('/v1/runs', read, async (request, reply) => {
    const { until: before, ...query } = readQuery(RunsQuery, request.query);
    return send(
      request,
      reply,
      await client.listRuns(principalOf(request).tenant, { ...given({ ...query, before }), input: false }),
      contracts,
    );
  });

  app.get('/v1/dead-letters', read, async (request, reply) =>
    send(
      request,
      reply,
      await client.listDead(principalOf(request).tenant, {
        ...given(readQuery(DeadLettersQuery, request.query)),
        input: false,
      }),
      contracts,
    ),
  );
}

/** Says in a header whose runs they are, for people who hold keys of several tenants. */
function send(
  request: FastifyRequest,
  reply: FastifyReply,
  { runs, unreadable, nextCursor }: RunPage,
  contracts: readonly FlowContract[],
): FastifyReply {
  const list: RunListJson = {
    data: runs.map((run) => presentRun(run, contracts)),
    ...(unreadable && { unreadable: [...unreadable] }),
    ...(nextCursor !== undefined && { nextCursor }),
  };
  return reply
    .headers({ 'cache-control': 'private, no-store', 'holdfast-tenant': principalOf(request).tenant })
    .send(list);
}

/** Without the members that were left out. */
function given(query: { readonly [Member in keyof ListQuery]: ListQuery[Member] | undefined }): ListQuery {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined));
}
