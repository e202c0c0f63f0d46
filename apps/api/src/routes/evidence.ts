import { type CallEvent, type Client, type Payloads, type Run, referenceOf } from '@holdfast/engine';
import { iso, time } from '@holdfast/run-view';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { principalOf } from '../plugins/authentication.ts';
import { ProblemError } from '../problems.ts';

const RequestJson = z.strictObject({
  what: z.string().meta({ description: 'Method and path, without the query.' }),
  sent: z.boolean().meta({ description: 'false: not a byte of it left.' }),
  outcome: z.string(),
  code: z.string().optional(),
  status: z.int().optional().meta({ description: 'The HTTP status, where the provider answered.' }),
  requestId: z.string().optional().meta({ description: "The provider's own id of the request." }),
  durationMs: z.number(),
});

const AttemptJson = z.strictObject({
  step: z.string(),
  what: z.enum(['run', 'look_up', 'undo']),
  attempt: z.int().min(1),
  idempotencyKey: z.string().meta({ description: 'Of its requests to the provider.' }),
  reference: z.string(),
  startedAt: time,
  finishedAt: time,
  outcome: z
    .enum([
      'ok',
      'none',
      'rejected',
      'misconfigured',
      'unavailable',
      'throttled',
      'in_doubt',
      'bug',
      'cut_off',
    ])
    .meta({
      description:
        'none: the look-up found nothing. cut_off: the worker was lost, so nobody knows whether anything was sent.',
    }),
  sent: z
    .boolean()
    .optional()
    .meta({ description: 'Whether a byte reached the network, where that is known.' }),
  putOff: z
    .literal(true)
    .optional()
    .meta({ description: 'Nobody was asked; it does not count as an attempt.' }),
  nextAttemptAt: time.optional(),
  error: z.strictObject({ code: z.string(), message: z.string(), kind: z.string().optional() }).optional(),
  requests: z.array(RequestJson).optional().meta({ description: 'The first and the last of many.' }),
});

/** Every call that the steps of the present generation made, in the order of their ends. */
export const AttemptListJson = z.strictObject({
  data: z.array(AttemptJson),
  leftOut: z
    .int()
    .min(0)
    .meta({ description: 'Attempts that were made and are not kept, because there were many.' }),
});

/** What a run was given, gave and got. */
export const PayloadsJson = z.strictObject({
  input: z.unknown(),
  output: z.unknown().optional(),
  results: z.array(z.strictObject({ step: z.string(), result: z.unknown().optional() })).meta({
    description: 'Of each step and child run that is completed, in the order of their ends.',
  }),
  signals: z.array(z.strictObject({ id: z.string(), name: z.string(), payload: z.unknown().optional() })),
});

/** `GET /v1/runs/{id}/attempts` and `GET /v1/runs/{id}/payloads`: what a run did, and with what. */
export async function evidenceRoutes(
  app: FastifyInstance,
  { client }: { readonly client: Client },
): Promise<void> {
  app.get<{ Params: { id: string } }>(
    '/v1/runs/:id/attempts',
    { config: { access: 'read' } },
    async (request, reply) => {
      const run = found(
        request,
        await client.getRun(principalOf(request).tenant, request.params.id, { input: false }),
      );
      reply.header('cache-control', 'private, no-store');
      return presentAttempts(run);
    },
  );

  app.get<{ Params: { id: string } }>(
    '/v1/runs/:id/payloads',
    { config: { access: 'payloads' } },
    async (request, reply) => {
      const payloads = await client.readPayloads(principalOf(request).tenant, request.params.id);
      reply.header('cache-control', 'private, no-store');
      return found(request, payloads) satisfies Payloads;
    },
  );
}

function found<T>(request: FastifyRequest<{ Params: { id: string } }>, thing: T | undefined): T {
  if (thing === undefined) throw new ProblemError('run_not_found', 'There is no run with this id.');
  request.runId = request.params.id;
  return thing;
}

function presentAttempts({ events, callsLeftOut }: Run): z.infer<typeof AttemptListJson> {
  const calls = events.filter((event): event is CallEvent => event.kind === 'call');
  return { data: calls.map(presentAttempt), leftOut: callsLeftOut };
}

function presentAttempt(call: CallEvent): z.infer<typeof AttemptJson> {
  const { step, what, attempt, key, outcome, sent, putOff, error, requests } = call;
  return {
    ...{ step, what, attempt, idempotencyKey: key, reference: referenceOf(key) },
    startedAt: iso(call.startedAt),
    finishedAt: iso(call.at),
    outcome,
    ...(sent !== undefined && { sent }),
    ...(putOff && { putOff }),
    ...(call.until !== undefined && { nextAttemptAt: iso(call.until) }),
    ...(error && { error }),
    ...(requests && { requests: requests.map((each) => ({ ...each })) }),
  };
}
