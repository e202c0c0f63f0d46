import { duration } from '@holdfast/app-kit';
import { type ApiKey, type ApiKeys, SCOPES, type Scope } from '@holdfast/operations';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { actorOf, principalOf } from '../plugins/authentication.ts';
import { ProblemError } from '../problems.ts';
import { expectNoBody, readBody } from '../read-body.ts';
import { time } from '../run-json.ts';

const MAX_HOLDS_MS = 10 * 365 * 24 * 60 * 60 * 1_000;

/** What `POST /v1/keys` takes. */
export const NewKeyBody = z.strictObject({
  name: z
    .string()
    .regex(/^[\x20-\x7e]{1,100}$/, 'expected 1 to 100 printable ASCII characters')
    .meta({ description: 'For people: who has the key. The audit log calls whoever uses it so.' }),
  scopes: z
    .array(z.enum(SCOPES))
    .min(1)
    .max(SCOPES.length)
    .refine((scopes) => new Set(scopes).size === scopes.length, 'a scope stands there twice')
    .meta({ description: 'No more than the key has that asks.', uniqueItems: true }),
  expiresIn: duration
    .refine((ms) => ms > 0 && ms <= MAX_HOLDS_MS, 'expected more than nothing and at most ten years')
    .optional()
    .meta({ description: 'As in `90d`. Without it the key holds until it is revoked.', examples: ['90d'] }),
});

/** A key as the API shows it. */
export const KeyJson = z.strictObject({
  id: z.string(),
  name: z.string(),
  tenant: z.string(),
  scopes: z.array(z.enum(SCOPES)),
  createdAt: time,
  createdBy: z.string().meta({ description: 'The name of the key, or of the user, that created it.' }),
  expiresAt: time.optional(),
  revokedAt: time.optional(),
});

export const CreatedKeyJson = KeyJson.extend({
  key: z
    .string()
    .meta({ description: 'The key itself. Only its hash is stored: this is the one time it is shown.' }),
});

export const KeyListJson = z.strictObject({ data: z.array(KeyJson) });

/** `/v1/keys`: a tenant's API keys. */
export async function keyRoutes(
  app: FastifyInstance,
  { storedKeys }: { readonly storedKeys: ApiKeys },
): Promise<void> {
  const operate = { config: { access: 'operate' } } as const;
  const withoutBody = { config: { ...operate.config, body: 'none' } } as const;

  app.post('/v1/keys', operate, async (request, reply) => {
    const { tenant, scopes: own } = principalOf(request);
    const { name, scopes, expiresIn } = readBody(NewKeyBody, request.body);
    expectGrantable(scopes, own);
    const created = await storedKeys.create(actorOf(request), {
      ...{ tenant, name, scopes },
      ...(expiresIn !== undefined && { expiresInMs: expiresIn }),
    });
    return reply
      .code(201)
      .header('cache-control', 'no-store')
      .send({ ...presentKey(created), key: created.key });
  });

  app.get('/v1/keys', operate, async (request, reply) => {
    const keys = await storedKeys.list(principalOf(request).tenant);
    return reply.header('cache-control', 'private, no-store').send({ data: keys.map(presentKey) });
  });

  app.delete<{ Params: { id: string } }>('/v1/keys/:id', withoutBody, async (request, reply) => {
    expectNoBody(request.body);
    const revoked = await storedKeys.revoke(actorOf(request), principalOf(request).tenant, request.params.id);
    if (!revoked) throw new ProblemError('key_not_found', 'There is no API key with this id.');
    return reply.header('cache-control', 'private, no-store').send(presentKey(revoked));
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
  const { id, name, tenant, scopes, createdBy } = key;
  return {
    ...{ id, name, tenant, scopes: [...scopes], createdAt: new Date(createdAt).toISOString(), createdBy },
    ...(expiresAt !== undefined && { expiresAt: new Date(expiresAt).toISOString() }),
    ...(revokedAt !== undefined && { revokedAt: new Date(revokedAt).toISOString() }),
  };
}
