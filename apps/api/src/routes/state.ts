import { type Client, type Json, type StateEntry, StateError } from '@holdfast/engine';
import type { Operations } from '@holdfast/operations';
import { iso, time } from '@holdfast/run-view';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { conditionOf } from '../conditions.ts';
import { sendUnlessKnown } from '../etag.ts';
import { actorOf, principalOf } from '../plugins/authentication.ts';
import { ProblemError } from '../problems.ts';
import { readBody } from '../read-body.ts';
import { page, readQuery } from '../read-query.ts';

interface StateParams {
  Params: { name: string };
}

/** What `GET /v1/state` takes. */
export const StateQuery = z.strictObject({
  prefix: z.string().max(200).optional().meta({ description: 'Only values whose names begin with this.' }),
  ...page,
});

/** What `PUT /v1/state/{name}` takes. */
export const StateBody = z.strictObject({
  value: z
    .unknown()
    .refine((value) => value !== undefined, 'is missing; null is a value')
    .meta({ description: 'At most 64 KiB as JSON.' }),
});

/** A value of the state as the API shows it. */
export const StateJson = z.strictObject({
  name: z.string(),
  value: z.unknown().optional(),
  encrypted: z.literal(true).optional().meta({ description: 'It is kept encrypted, and not shown.' }),
  updatedAt: time,
});

export const StateListJson = z.strictObject({
  data: z.array(StateJson),
  nextCursor: z.string().optional(),
});

/** `/v1/state`: the durable values that flows read and change. */
export async function stateRoutes(
  app: FastifyInstance,
  { client, operations }: { readonly client: Client; readonly operations: Operations },
): Promise<void> {
  const operate = { config: { access: 'operate' as const } };

  app.get('/v1/state', operate, async (request, reply) => {
    const { prefix, cursor, limit } = readQuery(StateQuery, request.query);
    const found = await client.listState(principalOf(request).tenant, {
      limit,
      ...(prefix !== undefined && { prefix }),
      ...(cursor !== undefined && { cursor }),
    });
    reply.header('cache-control', 'private, no-store');
    return {
      data: found.entries.map(present),
      ...(found.nextCursor !== undefined && { nextCursor: found.nextCursor }),
    } satisfies z.infer<typeof StateListJson>;
  });

  app.get<StateParams>('/v1/state/:name', operate, async (request, reply) => {
    const entry = await client.readState(principalOf(request).tenant, request.params.name);
    if (!entry) throw unknown();
    return sendUnlessKnown(request, reply, etagOf(entry), () => present(entry));
  });

  app.put<StateParams>('/v1/state/:name', operate, async (request, reply) => {
    const { name } = request.params;
    const { value } = readBody(StateBody, request.body);
    const expected = conditionOf(request);
    const written = await changing(request, operations, 'set_state', async () => {
      const done = await client.writeState(principalOf(request).tenant, name, value as Json, expected);
      return done ? { outcome: done.isNew ? 'created' : 'replaced', done } : undefined;
    });
    if (!written) throw changed();
    const { entry, isNew } = written.done;
    reply.headers({ etag: etagOf(entry), 'cache-control': 'private, no-cache' });
    return reply.code(isNew ? 201 : 200).send(present(entry));
  });

  app.delete<StateParams>('/v1/state/:name', operate, async (request, reply) => {
    const { name } = request.params;
    const expected = conditionOf(request);
    let refused: ProblemError | undefined;
    await changing(request, operations, 'delete_state', async () => {
      const outcome = await client.deleteState(principalOf(request).tenant, name, expected);
      if (outcome === 'deleted') return { outcome };
      refused = outcome === 'changed' || expected !== 'any' ? changed() : unknown();
      return undefined;
    });
    if (refused) throw refused;
    return reply.code(204).send();
  });
}

/** @throws ProblemError for a name or a value that cannot be */
async function changing<T extends { readonly outcome: string }>(
  request: FastifyRequest<StateParams>,
  operations: Operations,
  action: 'set_state' | 'delete_state',
  change: () => Promise<T | undefined>,
): Promise<T | undefined> {
  const { tenant } = principalOf(request);
  try {
    return await operations.changeNamed(actorOf(request), tenant, action, request.params.name, change);
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
    if (error.code === 'value_too_large') throw new ProblemError('body_too_large', error.message);
    const path = error.code === 'name_invalid' ? 'name' : 'value';
    throw new ProblemError('validation_failed', 'The value cannot be kept.', {
      members: { errors: [{ path, message: error.message }] },
    });
  }
}

function etagOf({ revision }: StateEntry): string {
  return `"${revision}"`;
}

function present(entry: StateEntry): z.infer<typeof StateJson> {
  const { name, updatedAt } = entry;
  const shown = 'value' in entry ? { value: entry.value } : { encrypted: true as const };
  return { name, ...shown, updatedAt: iso(updatedAt) };
}

function unknown(): ProblemError {
  return new ProblemError('state_not_found', 'There is no value of this name.');
}

function changed(): ProblemError {
  return new ProblemError('precondition_failed', 'The value is not as If-Match or If-None-Match asks for.');
}
