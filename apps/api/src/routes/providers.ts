import { type Client, StoreUnavailableError } from '@holdfast/engine';
import type { ErrorSeen, ProviderHealth } from '@holdfast/http';
import { time } from '@holdfast/run-view';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { principalOf } from '../plugins/authentication.ts';
import { readQuery } from '../read-query.ts';

/** How all providers have been doing over the last minutes, as all workers together saw it. */
export type ReadProviders = (minutes: number) => Promise<readonly ProviderHealth[]>;

const MINUTES = 'expected a whole number from 1 to 60';

/** What `GET /v1/providers` takes. */
export const ProvidersQuery = z.strictObject({
  minutes: z
    .string()
    .regex(/^\d{1,2}$/, MINUTES)
    .transform(Number)
    .pipe(z.int().min(1, MINUTES).max(60, MINUTES))
    .default(15)
    .meta({ description: 'What the counts are over, 1 to 60.' }),
});

const count = z.int().min(0);

const ProviderJson = z.strictObject({
  provider: z.string(),
  account: z.string().meta({
    description: 'Tells two accounts of a provider apart, and what was before a change of its URL or key.',
  }),
  minutes: count.meta({ description: 'What the counts are over.' }),
  calls: count,
  outcomes: z.strictObject({
    ...{
      ok: count,
      rejected: count,
      misconfigured: count,
      throttled: count,
      unavailable: count,
      in_doubt: count,
    },
  }),
  errorRate: z.number().meta({
    description:
      'From 0 to 1: calls that were throttled, unavailable or in doubt, of all. A rejection is an answer.',
  }),
  latencyMs: z
    .strictObject({ p50: z.number(), p95: z.number(), p99: z.number() })
    .optional()
    .meta({ description: 'Absent without calls.' }),
  errors: z
    .array(z.strictObject({ kind: z.string(), code: z.string(), count }))
    .meta({ description: 'The most frequent first.' }),
  waits: z
    .strictObject({ breaker: count, gate: count, concurrency: count, rate: count })
    .meta({ description: 'How often a call was put off without being made, and why.' }),
  limit: z.strictObject({
    learnedPerSecond: z.number().optional().meta({
      description: 'Calls a second that the provider has taught us. Absent: it has refused none lately.',
    }),
    ceilingPerSecond: z.number().optional().meta({
      description: 'What it took in the second before it last refused one.',
    }),
    closedForMs: z.number().meta({ description: 'Until calls may be made again; 0 when they may.' }),
    slotsHeld: count.meta({ description: 'Calls under way, where their number is limited.' }),
  }),
  endpoints: z
    .array(
      z.strictObject({
        endpoint: z.string(),
        learnedPerSecond: z.number().optional(),
        ceilingPerSecond: z.number().optional(),
        closedForMs: z.number(),
      }),
    )
    .meta({
      description: 'Endpoints with a limit of their own: refused for their rate when the others were not.',
    }),
  breaker: z.strictObject({
    state: z.enum(['closed', 'open', 'half_open']),
    probeInMs: z.number().optional().meta({ description: 'While it is open: until a call is let through.' }),
  }),
  lastErrors: z
    .array(
      z.strictObject({
        at: time,
        kind: z.enum(['rejected', 'misconfigured', 'throttled', 'unavailable', 'in_doubt']),
        code: z.string(),
        message: z.string(),
        status: z.int().optional(),
        requestId: z.string().optional().meta({ description: "The provider's own." }),
        runId: z.string().optional(),
        durationMs: z.number(),
      }),
    )
    .meta({
      description: "Up to 100 of the last week, the latest first. Those of other tenants' runs are left out.",
    }),
});

export const ProviderListJson = z.strictObject({ data: z.array(ProviderJson) });

/** `GET /v1/providers`: counts over all tenants, which share the providers, and the errors of one's own runs. */
export async function providerRoutes(
  app: FastifyInstance,
  { client, readProviders }: { readonly client: Client; readonly readProviders: ReadProviders },
): Promise<void> {
  app.get('/v1/providers', { config: { access: 'operate' } }, async (request, reply) => {
    const { minutes } = readQuery(ProvidersQuery, request.query);
    const { tenant } = principalOf(request);
    const found = await readProviders(minutes).catch((error: unknown) => {
      throw new StoreUnavailableError('redis did not tell how the providers are doing', error);
    });
    const isOwn = await ownRuns(client, tenant, found);
    const list = {
      data: found.map(({ lastErrors, ...health }) => ({ ...health, lastErrors: lastErrors.filter(isOwn) })),
    };
    return reply.header('cache-control', 'private, no-store').send(list);
  });
}

/** Whether an error is of a run of this tenant, or of none: a token that was refused concerns all. */
async function ownRuns(
  client: Client,
  tenant: string,
  providers: readonly ProviderHealth[],
): Promise<(error: ErrorSeen) => boolean> {
  const runIds = new Set(
    providers.flatMap(({ lastErrors }) => lastErrors.flatMap(({ runId }) => runId ?? [])),
  );
  const found = await Promise.all(
    [...runIds].map(async (runId) => ((await client.hasRun(tenant, runId)) ? [runId] : [])),
  );
  const own = new Set(found.flat());
  return ({ runId }) => runId === undefined || own.has(runId);
}
