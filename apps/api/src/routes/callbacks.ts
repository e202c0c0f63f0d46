import type { Preflight } from '@holdfast/app-kit';
import { type Client, InvalidSignalError, type Json, StoreUnavailableError } from '@holdfast/engine';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { fingerprintOf } from '../fingerprint.ts';
import { checkPayload } from '../payload-size.ts';
import { ProblemError } from '../problems.ts';
import { readBody } from '../read-body.ts';

export interface CallbackRoutesOptions {
  readonly client: Client;
  readonly preflight: Pick<Preflight, 'assertAdmitted'>;
}

const CallbackError = z.strictObject({
  code: z.string().regex(/^[A-Za-z0-9_.-]{1,100}$/, 'use 1 to 100 letters, digits, "_", "-" or "."'),
  message: z.string().max(2_000),
});

/** What a callback is completed with: a result, or an error that rejects it. */
export const CallbackBody = z
  .strictObject({ result: z.unknown().optional(), error: CallbackError.optional() })
  .refine(({ result, error }) => (result === undefined) !== (error === undefined), {
    message: 'give `result` or `error`, and not both',
  });

export const CallbackJson = z.strictObject({ completed: z.literal(true) });

/** `POST /v1/callbacks/{id}`: whoever has the id may complete it, so it is in no answer and no log. */
export async function callbackRoutes(
  app: FastifyInstance,
  { client, preflight }: CallbackRoutesOptions,
): Promise<void> {
  app.post<{ Params: { id: string } }>(
    '/v1/callbacks/:id',
    { config: { access: 'public' } },
    async (request, reply) => {
      const { result, error } = readBody(CallbackBody, request.body);
      // parsed JSON, so it is nothing else
      const outcome = error ? { error } : { result: result as Json };
      if ('result' in outcome) checkPayload(outcome.result);
      try {
        preflight.assertAdmitted();
      } catch (cause) {
        throw new StoreUnavailableError('the store was not checked yet', cause);
      }
      const fingerprint = fingerprintOf('POST', '/v1/callbacks', outcome);
      const completed = await client
        .completeCallback(request.params.id, { ...outcome, fingerprint })
        .catch((cause: unknown) => {
          if (!(cause instanceof InvalidSignalError)) throw cause;
          throw new ProblemError('validation_failed', 'The body is not what this route takes.', {
            members: { errors: [{ path: 'result', message: cause.message }] },
          });
        });
      reply.header('cache-control', 'no-store');
      switch (completed) {
        case 'completed':
          return reply.code(202).send({ completed: true } satisfies z.infer<typeof CallbackJson>);
        case 'repeated':
          return reply.code(200).send({ completed: true } satisfies z.infer<typeof CallbackJson>);
        case 'other_outcome':
          throw new ProblemError('callback_completed', 'This callback was completed with another outcome.');
        case 'too_large':
          throw new ProblemError(
            'signals_too_large',
            'The run keeps as many bytes of signals and results as it may.',
          );
        case 'unknown':
          throw new ProblemError('callback_not_found', 'There is no such callback that can be completed.');
      }
    },
  );
}
