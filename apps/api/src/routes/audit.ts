import { RUN_STATUSES } from '@holdfast/engine';
import { AUDIT_ACTIONS, type Operations } from '@holdfast/operations';
import { time } from '@holdfast/run-view';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { principalOf } from '../plugins/authentication.ts';
import { page, readQuery } from '../read-query.ts';

/** What `GET /v1/audit` takes. */
export const AuditQuery = z.strictObject({
  run: z
    .string()
    .regex(/^run_[0-9a-f]{1,64}$/, 'expected the id of a run')
    .optional()
    .meta({ description: 'Only actions on this run.' }),
  ...page,
});

const status = z.enum(RUN_STATUSES).optional();

export const AuditListJson = z.strictObject({
  data: z.array(
    z.strictObject({
      id: z.string(),
      at: time,
      actor: z.string().meta({ description: 'The name of an API key, or of a user of the dashboard.' }),
      actorKey: z.string().optional().meta({ description: "The id of the actor's API key." }),
      via: z.enum(['api', 'dashboard', 'cli']),
      action: z.enum(AUDIT_ACTIONS),
      runId: z.string().optional(),
      outcome: z.string().optional().meta({
        description:
          'The outcome, such as `redriven`. An action that changed nothing has no entry. Absent when the process died or lost Redis before the outcome was known.',
      }),
      before: status.meta({ description: "The run's status before." }),
      after: status.meta({ description: "The run's status after." }),
      detail: z.unknown().optional().meta({ description: 'More detail; never a payload.' }),
    }),
  ),
  nextCursor: z.string().optional().meta({ description: 'Absent on the last page.' }),
});

/** `GET /v1/audit`: what operators did to a tenant's runs and keys. */
export async function auditRoutes(
  app: FastifyInstance,
  { operations }: { readonly operations: Operations },
): Promise<void> {
  app.get('/v1/audit', { config: { access: 'audit' } }, async (request, reply) => {
    const { run, cursor, limit } = readQuery(AuditQuery, request.query);
    const { data, nextCursor } = await operations.audit(principalOf(request).tenant, {
      ...(run !== undefined && { runId: run }),
      ...(cursor !== undefined && { cursor }),
      limit,
    });
    const list: z.infer<typeof AuditListJson> = {
      data: data.map(({ tenant: _, at, ...entry }) => ({ ...entry, at: new Date(at).toISOString() })),
      ...(nextCursor !== undefined && { nextCursor }),
    };
    return reply.header('cache-control', 'private, no-store').send(list);
  });
}
