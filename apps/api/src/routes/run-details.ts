import type { CallEvent, Client, Run } from '@holdfast/engine';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { sendTagged } from '../etag.ts';
import { principalOf } from '../plugins/authentication.ts';
import { ProblemError } from '../problems.ts';
import { iso, RunErrorJson, time } from '../run-json.ts';

const RequestJson = z.strictObject({
  what: z.string().meta({ description: 'Method and path, without the query.' }),
  sent: z.boolean().meta({ description: 'False when not a byte of it left.' }),
  outcome: z.string(),
  code: z.string().optional(),
  status: z.int().optional().meta({ description: "The provider's HTTP status, where it answered." }),
  requestId: z.string().optional().meta({ description: "The provider's own id of the request." }),
  durationMs: z.number(),
});

/** One call that a step made. */
const AttemptJson = z.strictObject({
  step: z.string(),
  what: z.enum(['run', 'look_up', 'undo']).meta({
    description: 'Whether it was to have its effect, to ask whether that had happened, or to undo it.',
  }),
  attempt: z.int().min(1),
  startedAt: time,
  finishedAt: time,
  outcome: z.string().meta({
    description:
      'ok; none: the look-up found nothing; rejected, misconfigured, unavailable, throttled, in_doubt, bug; cut_off: the worker was lost, and ' +
      'nobody knows how it ended.',
  }),
  sent: z
    .boolean()
    .optional()
    .meta({ description: 'Whether a byte reached the network, where that is known.' }),
  idempotencyKey: z.string().meta({ description: 'The key that it went under.' }),
  requests: z.array(RequestJson).optional().meta({ description: 'The first and the last of many.' }),
  error: RunErrorJson.pick({ code: true, message: true, kind: true }).optional(),
  nextAt: time.optional().meta({ description: 'When the step was to be tried again by itself.' }),
});

/** What `GET /v1/runs/{id}/attempts` shows. */
export const AttemptListJson = z.strictObject({
  data: z.array(AttemptJson).meta({ description: 'Of this generation, in the order of their ends.' }),
  leftOut: z.int().min(1).optional().meta({
    description: 'So many calls in between are not kept: of many, the first and the last are.',
  }),
});

const SignalJson = z.strictObject({
  id: z.string(),
  name: z.string(),
  payload: z.unknown().optional().meta({ description: 'Absent once a wait has taken it.' }),
});

/** What `GET /v1/runs/{id}/payloads` shows. */
export const PayloadsJson = z.strictObject({
  input: z.unknown(),
  results: z.record(z.string(), z.unknown()).meta({
    description: 'Of the completed steps of this generation, by name.',
  }),
  output: z.unknown().optional().meta({ description: 'Of a completed run.' }),
  signals: z.array(SignalJson).meta({ description: 'In the order of their arrival.' }),
});

interface RunRequest {
  Params: { id: string };
}

/** `GET /v1/runs/{id}/attempts`, what was tried; and `/payloads`, what it was given and has made. */
export async function runDetailRoutes(
  app: FastifyInstance,
  { client }: { readonly client: Client },
): Promise<void> {
  app.get<RunRequest>('/v1/runs/:id/attempts', { config: { access: 'read' } }, async (request, reply) => {
    const run = found(await client.getRun(principalOf(request).tenant, request.params.id));
    request.runId = run.id;
    return sendTagged(request, reply, run, presentAttempts);
  });

  app.get<RunRequest>('/v1/runs/:id/payloads', { config: { access: 'payloads' } }, async (request, reply) => {
    const { id } = request.params;
    const payloads = found(await client.payloads(principalOf(request).tenant, id));
    request.runId = id;
    return reply.header('cache-control', 'private, no-store').send(payloads);
  });
}

function found<T>(value: T | undefined): T {
  if (value !== undefined) return value;
  throw new ProblemError('run_not_found', 'There is no run with this id.');
}

function presentAttempts({ events, callsLeftOut }: Run): z.infer<typeof AttemptListJson> {
  const calls = events.filter((event) => event.kind === 'call');
  return { data: calls.map(presentCall), ...(callsLeftOut > 0 && { leftOut: callsLeftOut }) };
}

function presentCall(call: CallEvent): z.infer<typeof AttemptJson> {
  const { step, what, attempt, startedAt, at, outcome, sent, key, requests, error, until } = call;
  return {
    ...{ step, what, attempt, startedAt: iso(startedAt), finishedAt: iso(at), outcome },
    ...(sent !== undefined && { sent }),
    idempotencyKey: key,
    ...(requests && { requests: requests.map((request) => ({ ...request })) }),
    ...(error && {
      error: {
        code: error.code,
        message: error.message,
        ...(error.kind !== undefined && { kind: error.kind }),
      },
    }),
    ...(until !== undefined && { nextAt: iso(until) }),
  };
}
