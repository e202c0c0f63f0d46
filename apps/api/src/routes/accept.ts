import { isTerminal, type Run, type SubmitReply } from '@holdfast/engine';
import type { AcceptOptions } from '@holdfast/project';
import { presentRunTo } from '@holdfast/run-view';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { readIdempotencyKey } from '../idempotency-key.ts';
import { principalOf } from '../plugins/authentication.ts';
import { passTurn } from '../plugins/fair-turns.ts';
import { preferredWaitSeconds } from '../prefer-wait.ts';
import { ProblemError } from '../problems.ts';
import { readSubmissionHeaders, type Submission } from '../submission-headers.ts';

declare module 'fastify' {
  interface FastifyRequest {
    idempotencyKey: string;
    /** What the request says beside its input. */
    submission: Submission | undefined;
  }
}

/** What the routes that accept runs have in common. */
export interface Acceptance {
  /** Their options: the scope, and the Idempotency-Key, which is read before the body. */
  readonly route: {
    readonly config: { readonly access: 'submit' };
    readonly onRequest: (request: FastifyRequest) => Promise<void>;
  };
  /** Accepts a run whose input is the request's body. */
  submit(request: FastifyRequest, reply: FastifyReply, flow: string): Promise<FastifyReply>;
  /** Answers with the run that was accepted, now or before, once it has ended if the client prefers to wait. */
  answer(request: FastifyRequest, reply: FastifyReply, submitted: SubmitReply): Promise<FastifyReply>;
}

/** @param app the scope of the routes; once for each */
export function acceptance(
  app: FastifyInstance,
  { client, stopping, waits, fingerprint }: AcceptOptions,
): Acceptance {
  app.decorateRequest('idempotencyKey', '');
  app.decorateRequest('submission', undefined);

  async function submit(request: FastifyRequest, reply: FastifyReply, flow: string): Promise<FastifyReply> {
    if (request.body === undefined) {
      throw new ProblemError('body_missing', 'Send the input of the run as a JSON body.');
    }
    const submitted = await client.submit({
      flow,
      input: request.body,
      tenant: principalOf(request).tenant,
      idempotencyKey: request.idempotencyKey,
      ...request.submission,
      fingerprint: fingerprint(flow, request.body),
    });
    return answer(request, reply, submitted);
  }

  async function answer(
    request: FastifyRequest,
    reply: FastifyReply,
    submitted: SubmitReply,
  ): Promise<FastifyReply> {
    if (submitted.outcome === 'key_reused') {
      request.runId = submitted.runId;
      throw keyReused(submitted.runId);
    }

    request.runId = submitted.run.id;
    if (submitted.outcome === 'replayed') reply.header('idempotent-replayed', 'true');
    const waitSeconds = preferredWaitSeconds(request.headers.prefer);
    if (waitSeconds === undefined) return send(request, reply, submitted.run);

    // a preference may be passed over (RFC 7240): who finds no place is answered at once, and sees so by the missing header
    const giveBack = waits.take(submitted.run.tenant);
    if (!giveBack) return send(request, reply, submitted.run);
    try {
      reply.header('preference-applied', `wait=${waitSeconds}`);
      passTurn(request);
      return send(request, reply, await waitForEnd(reply, submitted.run, waitSeconds));
    } finally {
      giveBack();
    }
  }

  /** The run is accepted already, so trouble while waiting is no reason to answer with an error. */
  async function waitForEnd(reply: FastifyReply, accepted: Run, seconds: number): Promise<Run> {
    if (seconds === 0 || isTerminal(accepted.status)) return accepted;
    const { tenant, id } = accepted;
    const left = new AbortController();
    reply.raw.once('close', () => left.abort());
    try {
      const signal = AbortSignal.any([left.signal, stopping]);
      return (await client.waitForEnd(tenant, id, seconds * 1000, signal)) ?? accepted;
    } catch (error) {
      reply.log.warn({ err: error, run: id }, 'stopped waiting for the end of the run');
      return accepted;
    }
  }

  return {
    route: {
      config: { access: 'submit' },
      onRequest: async (request) => {
        request.idempotencyKey = readIdempotencyKey(request.raw);
        request.submission = readSubmissionHeaders(request.raw);
      },
    },
    submit,
    answer,
  };
}

export function keyReused(runId: string): ProblemError {
  return new ProblemError(
    'idempotency_key_reused',
    `This Idempotency-Key was used for another request, which became the run ${runId}.`,
    { members: { runId } },
  );
}

function send(request: FastifyRequest, reply: FastifyReply, run: Run): FastifyReply {
  const shown = presentRunTo(principalOf(request).scopes, run);
  reply.header('location', `/v1/runs/${run.id}`);
  if (isTerminal(run.status)) return reply.code(200).send(shown);
  return reply.code(202).header('retry-after', '1').send(shown);
}
