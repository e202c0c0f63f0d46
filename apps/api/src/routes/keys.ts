import { duration } from '@holdfast/app-kit';
import {
  type ApiKey,
  type ApiKeys,
  KeyName,
  MAX_KEY_HOLDS_MS,
  SCOPES,
  type Scope,
} from '@holdfast/operations';
import { time } from '@holdfast/run-view';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { actorOf, principalOf } from '../plugins/authentication.ts';
import { ProblemError } from '../problems.ts';
import { expectNoBody, readBody } from '../read-body.ts';
import { readQuery } from '../read-query.ts';

/** What `POST /v1/keys` takes. */
export const NewKeyBody = z.strictObject({
  name: KeyName.meta({ description: 'For people: who has the key. The audit log calls whoever uses it so.' }),
  scopes: z
    .array(z.enum(SCOPES))
    .min(1)
    .max(SCOPES.length)
    .refine((scopes) => new Set(scopes).size === scopes.length, 'a scope stands there twice')
    .meta({ description: 'No more than the key has that asks.', uniqueItems: true }),
  expiresIn: duration
    .refine((ms) => ms > 0 && ms <= MAX_KEY_HOLDS_MS, 'expected more than nothing and at most ten years')
    .optional()
    .meta({ description: 'As in `90d`. Without it the key holds until it is revoked.', examples: ['90d'] }),
});

/** What `DELETE /v1/keys/{id}` takes. */
export const RevokeQuery = z.strictObject({
  cascade: z
    .enum(['true', 'false'])
    .transform((text) => text === 'true')
    .default(false)
    .meta({ description: 'With `true`, all keys that it made, and that those made, are revoked as well.' }),
});

/** A key as the API shows it. */
export const KeyJson = z.strictObject({
  id: z.string(),
  name: z.string(),
  tenant: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  createdAt: time,
  createdBy: z.string().meta({ description: 'The name of the key, or of the user, that created it.' }),
  createdByKey: z.string().optional().meta({ description: 'The id of the key that created it.' }),
  expiresAt: time.optional(),
  revokedAt: time.optional(),
});

export const CreatedKeyJson = KeyJson.extend({
  key: z.string().optional().meta({
    description:
      'The key itself. Only its hash is stored: this is the one time it is shown; the same Idempotency-Key again is answered without it.',
  }),
});

export const KeyListJson = z.strictObject({ data: z.array(KeyJson) });

/** `/v1/keys`: a tenant's API keys. */
export async function keyRoutes(
  app: FastifyInstance,
  { storedKeys }: { readonly storedKeys: ApiKeys },
): Promise<void> {
  const manage = { config: { access: 'keys' } } as const;
  const withoutBody = { config: { ...manage.config, body: 'none' } } as const;

  app.post('/v1/keys', { config: { ...manage.config, shownOnce: ['key'] } }, async (request, reply) => {
    const { tenant, scopes: own, keyId, expiresAt } = principalOf(request);
    const { name, scopes, expiresIn } = readBody(NewKeyBody, request.body);
    expectGrantable(scopes, own);
    const expiresInMs = withinOwn(expiresIn, expiresAt);
    const created = await storedKeys.create(actorOf(request), {
      ...{ tenant, name, scopes, madeBy: keyId },
      ...(expiresInMs !== undefined && { expiresInMs }),
    });
    return reply
      .code(201)
      .header('cache-control', 'no-store')
      .send({ ...presentKey(created), key: created.key });
  });

  app.get('/v1/keys', manage, async (request, reply) => {
    const keys = await storedKeys.list(principalOf(request).tenant);
    return reply.header('cache-control', 'private, no-store').send({ data: keys.map(presentKey) });
  });

  app.delete<{ Params: { id: string } }>('/v1/keys/:id', withoutBody, async (request, reply) => {
    expectNoBody(request.body);
    const { cascade } = readQuery(RevokeQuery, request.query);
    const { tenant } = principalOf(request);
    const revoked = await storedKeys.revoke(actorOf(request), tenant, request.params.id, { cascade });
    if (!revoked) throw new ProblemError('key_not_found', 'There is no API key with this id.');
    return reply.header('cache-control', 'private, no-store').send(presentKey(revoked));
  });
}

/** A key that ends makes none that outlives it: without an end of its own, the new one ends with it. */
function withinOwn(expiresIn: number | undefined, expiresAt: number | undefined): number | undefined {
  if (expiresAt === undefined) return expiresIn;
  const left = Math.max(1, expiresAt - Date.now());
  if (expiresIn === undefined) return left;
  if (expiresIn <= left) return expiresIn;
  throw new ProblemError('validation_failed', 'A key cannot make one that outlives it.', {
    members: { errors: [{ path: 'expiresIn', message: 'is longer than the key holds that asks' }] },
  });
}

/** Nobody gives away more than they have. */
function expectGrantable(scopes: readonly Scope[], own: ReadonlySet<Scope>): void {
  const more = scopes.filter((scope) => !own.has(scope));
  if (more.length === 0) return;
  throw new ProblemError(
    'scope_missing',
    `This key lacks what it would give away: ${more.map((scope) => `"${scope}"`).join(', ')}.`,
  );
}

function presentKey({ createdAt, expiresAt, revokedAt, ...key }: ApiKey): z.infer<typeof KeyJson> {
  const { id, name, tenant, scopes, createdBy, createdByKey } = key;
  return {
    ...{ id, name, tenant, scopes: [...scopes], createdAt: new Date(createdAt).toISOString(), createdBy },
    ...(createdByKey !== undefined && { createdByKey }),
    ...(expiresAt !== undefined && { expiresAt: new Date(expiresAt).toISOString() }),
    ...(revokedAt !== undefined && { revokedAt: new Date(revokedAt).toISOString() }),
  };
}
