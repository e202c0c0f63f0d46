import type { Client, Json } from '@holdfast/engine';
import { LIMITS } from '@holdfast/engine';
import type { Actor, Operations } from '@holdfast/operations';
import { presentRunTo } from '@holdfast/run-view';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { checkIdempotencyKey } from '../idempotency-key.ts';
import { checkPayload } from '../payload-size.ts';
import { actorOf, principalOf } from '../plugins/authentication.ts';
import { ProblemError } from '../problems.ts';
import { expectNoBody, readBody } from '../read-body.ts';
import { keyReused } from './accept.ts';
import { assertSubmittable, type SubmitOptions } from './submit.ts';

/** JSON from a request: parsed, so it is nothing else. */
const json = z
  .unknown()
  .optional()
  .transform((value) => (value ?? null) as Json);

/** What `POST /v1/runs/{id}/signals/{name}` takes. A payload that is left out is null. */
export const SignalBody = z.strictObject({
  id: z.string().min(1).meta({
    description:
      'Chosen by the sender: 1 to 200 letters, digits, "_", "-", "." or ":". The same id again changes nothing.',
  }),
  payload: json.meta({ description: 'What the flow gets.' }),
  generation: z.number().int().positive().optional().meta({
    description:
      'The generation of the run that it is meant for: one for another is refused. Left out: whichever runs.',
  }),
});

/** What `POST /v1/dead-letters/{runId}/resolve` takes. */
export const ResolveBody = z.discriminatedUnion('outcome', [
  z.strictObject({
    step: z.string().min(1),
    outcome: z.literal('happened'),
    result: json.meta({ description: 'What the step would have returned.' }),
  }),
  z.strictObject({ step: z.string().min(1), outcome: z.literal('did_not_happen') }),
  z.strictObject({
    step: z.string().min(1),
    outcome: z.literal('undone').meta({
      description:
        'What the step did was undone, by the run or by hand. A run that went forward is cancelled.',
    }),
  }),
  z.strictObject({
    step: z.string().min(1),
    outcome: z
      .literal('not_undone')
      .meta({ description: 'An undo in doubt was not done: it is done again.' }),
  }),
]);

type RunParams = { Params: { id: string } };
type SignalParams = { Params: { id: string; name: string } };
type LetterParams = { Params: { runId: string } };

/** What `POST /v1/runs/{id}/rerun` takes, if anything. */
export const RerunBody = z.strictObject({
  input: z.unknown().meta({ description: "The new run's input; checked as any is." }),
  idempotencyKey: z
    .string()
    .meta({ description: "The new run's Idempotency-Key: one that its flow has not seen." }),
});

interface OperateRoutesOptions {
  readonly client: Client;
  readonly operations: Operations;
  readonly submitting: Pick<SubmitOptions, 'fingerprint' | 'elsewhere'>;
}

/** What an operator does with a run: cancel, rerun, signal; and with a dead one: redrive, resolve, cancel. */
export async function operateRoutes(
  app: FastifyInstance,
  { client, operations, submitting }: OperateRoutesOptions,
): Promise<void> {
  const operate = { config: { access: 'operate' as const } };
  const withoutBody = { config: { ...operate.config, body: 'none' as const } };

  app.post<RunParams>('/v1/runs/:id/cancel', withoutBody, (request, reply) =>
    cancel(request, reply, request.params.id),
  );

  app.post<RunParams>('/v1/runs/:id/rerun', withoutBody, async (request, reply) => {
    const { id } = request.params;
    if (asksForAnotherInput(request.body)) return rerunEdited(request, reply, id);
    expectNoBody(request.body);
    switch (found(await operations.rerun(...by(request), id))) {
      case 'rerun':
        return answer(request, reply, id);
      case 'not_finished':
        throw notFinished();
      case 'drawn':
        throw new ProblemError(
          'run_drawn_upon',
          'Other runs have drawn upon what this one did, or it draws upon another one.',
        );
    }
  });

  app.post<SignalParams>(
    '/v1/runs/:id/signals/:name',
    { config: { access: 'signal' } },
    async (request, reply) => {
      const { id: runId, name } = request.params;
      const { id, payload, generation } = readBody(SignalBody, request.body);
      checkPayload(payload);
      switch (found(await operations.signal(...by(request), runId, { id, name, payload, generation }))) {
        case 'delivered':
        case 'repeated':
          return answer(request, reply, runId);
        case 'run_finished':
          throw runFinished();
        case 'too_many':
          throw new ProblemError(
            'too_many_signals',
            `This run keeps ${LIMITS.signals} signals already that it has not taken, as many as a run may.`,
          );
        case 'too_large':
          throw new ProblemError(
            'signals_too_large',
            `The signals that this run has not taken yet would come to more than ${LIMITS.signalBytes} bytes.`,
          );
        case 'generation_ended':
          throw new ProblemError(
            'generation_ended',
            `This signal is for generation ${generation} of the run, which is not the one that runs.`,
          );
      }
    },
  );

  app.post<LetterParams>('/v1/dead-letters/:runId/redrive', withoutBody, async (request, reply) => {
    expectNoBody(request.body);
    // not dead: redriven already, or on its way for another reason; either way there is nothing to do
    const outcome = found(await operations.redrive(...by(request), request.params.runId));
    if (outcome === 'flow_unknown')
      throw new ProblemError(
        'flow_not_registered',
        'The flow of this run is not registered any more, in its version, so no worker would take it. Register it again; or resolve each step that is completed or in doubt, then cancel the run.',
      );
    return answer(request, reply, request.params.runId);
  });

  app.post<LetterParams>('/v1/dead-letters/:runId/resolve', operate, async (request, reply) => {
    const { runId } = request.params;
    const resolution = readBody(ResolveBody, request.body);
    const resolved = found(await operations.resolve(...by(request), runId, resolution));
    switch (resolved.outcome) {
      case 'resolved':
        return answer(request, reply, runId);
      case 'not_dead':
        throw notDead();
      case 'not_in_doubt':
        throw new ProblemError(
          'step_not_in_doubt',
          resolution.outcome === 'undone' || resolution.outcome === 'not_undone'
            ? `This run has no step "${resolution.step}" of which it is to be said whether it was undone.`
            : `This run has no step "${resolution.step}" whose outcome is unknown.`,
        );
      case 'result_invalid':
        throw new ProblemError(
          'validation_failed',
          `The run's flow cannot go on with this as the result of step "${resolution.step}". Nothing was recorded.`,
          { members: { errors: resolved.faults } },
        );
    }
  });

  app.post<LetterParams>('/v1/dead-letters/:runId/cancel', withoutBody, (request, reply) =>
    cancel(request, reply, request.params.runId),
  );

  /** Another run: the one that is given stays as it is. */
  async function rerunEdited(
    request: FastifyRequest,
    reply: FastifyReply,
    id: string,
  ): Promise<FastifyReply> {
    const { input, idempotencyKey } = readBody(RerunBody, request.body);
    const run = found(await client.getRun(tenantOf(request), id, { input: false }));
    assertSubmittable(submitting.elsewhere, run.flow);
    const again = {
      ...{ input, idempotencyKey: checkIdempotencyKey(idempotencyKey) },
      fingerprint: submitting.fingerprint(run.flow, input),
    };
    const submitted = found(await operations.rerunEdited(...by(request), id, again));
    switch (submitted.outcome) {
      case 'not_finished':
        throw notFinished();
      case 'key_reused':
        throw keyReused(submitted.runId);
      default:
        if (submitted.outcome === 'replayed') reply.header('idempotent-replayed', 'true');
        return answer(request, reply, submitted.run.id);
    }
  }

  async function cancel(request: FastifyRequest, reply: FastifyReply, runId: string): Promise<FastifyReply> {
    expectNoBody(request.body);
    const outcome = found(await operations.cancel(...by(request), runId));
    if (outcome === 'run_finished') throw runFinished();
    if (outcome === 'effects_unanswered')
      throw new ProblemError(
        'effects_unanswered',
        'The flow of this run is not registered any more, so nobody can undo what it did. Resolve each of its steps that is completed or in doubt, then cancel it.',
      );
    return answer(request, reply, runId);
  }

  /** The run as it stands once what was asked for is durable. */
  async function answer(request: FastifyRequest, reply: FastifyReply, runId: string): Promise<FastifyReply> {
    request.runId = runId;
    const run = found(await client.getRun(tenantOf(request), runId, { input: false }));
    return reply
      .code(202)
      .headers({ location: `/v1/runs/${runId}`, 'retry-after': '1' })
      .send(presentRunTo(principalOf(request).scopes, run));
  }
}

function asksForAnotherInput(body: unknown): boolean {
  return typeof body === 'object' && body !== null && ('input' in body || 'idempotencyKey' in body);
}

function notFinished(): ProblemError {
  return new ProblemError('run_not_finished', 'This run has not ended, so it cannot be started afresh.');
}

function by(request: FastifyRequest): [Actor, string] {
  return [actorOf(request), tenantOf(request)];
}

function tenantOf(request: FastifyRequest): string {
  return principalOf(request).tenant;
}

function found<T>(outcome: T | undefined): T {
  if (outcome !== undefined) return outcome;
  throw new ProblemError('run_not_found', 'There is no run with this id.');
}

/** The body was within its limit; written out in full, its payload may be larger. */
function runFinished(): ProblemError {
  return new ProblemError('run_finished', 'This run has ended.');
}

function notDead(): ProblemError {
  return new ProblemError('run_not_dead', 'This run is not dead, so there is nothing to resolve.');
}
