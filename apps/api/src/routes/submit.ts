import type { Client, Run } from '@holdfast/engine';
import { isTerminal } from '@holdfast/engine';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { fingerprintOf } from '../fingerprint.ts';
import { readIdempotencyKey } from '../idempotency-key.ts';
import { principalOf } from '../plugins/authentication.ts';
import { preferredWaitSeconds } from '../prefer-wait.ts';
import { ProblemError } from '../problems.ts';
import { presentRun } from '../run-json.ts';

declare module 'fastify' {
  interface FastifyRequest {
    idempotencyKey: string;
  }
}

export interface SubmitOptions {
  readonly client: Client;
  /** Aborted when the server is stopping. */
  readonly stopping: AbortSignal;
}

/** `POST /v1/orders` and `POST /v1/flows/{flow}/runs`: the ways to have a run accepted. */
export async function submitRoutes(app: FastifyInstance, { client, stopping }: SubmitOptions): Promise<void> {
  app.decorateRequest('idempotencyKey', '');
  const common = {
    config: { access: 'submit' as const },
    onRequest: async (request: FastifyRequest) => {
      request.idempotencyKey = readIdempotencyKey(request.raw);
    },
  };

  app.post('/v1/orders', common, (request, reply) => submit(request, reply, 'order', '/v1/orders'));
  app.post<{ Params: { flow: string } }>('/v1/flows/:flow/runs', common, (request, reply) => {
    const { flow } = request.params;
    return submit(request, reply, flow, `/v1/flows/${flow}/runs`);
  });

  async function submit(
    request: FastifyRequest,
    reply: FastifyReply,
    flow: string,
    path: string,
  ): Promise<FastifyReply> {
    if (request.body === undefined) {
      throw new ProblemError('body_missing', 'Send the input of the run as a JSON body.');
    }
    const { tenant } = principalOf(request);
    const submitted = await client.submit({
      flow,
      input: request.body,
      tenant,
      idempotencyKey: request.idempotencyKey,
      fingerprint: fingerprintOf('POST', path, request.body),
    });
    if (submitted.outcome === 'key_reused') {
      request.runId = submitted.runId;
      throw new ProblemError(
        'idempotency_key_reused',
        `This Idempotency-Key was used for another request, which became the run ${submitted.runId}.`,
        { members: { runId: submitted.runId } },
      );
    }

    request.runId = submitted.run.id;
    if (submitted.outcome === 'replayed') reply.header('idempotent-replayed', 'true');
    const waitSeconds = preferredWaitSeconds(request.headers.prefer);
    if (waitSeconds === undefined) return answer(reply, submitted.run);

    reply.header('preference-applied', `wait=${waitSeconds}`);
    return answer(reply, await waitForEnd(reply, tenant, submitted.run, waitSeconds));
  }

  /** The run is accepted already, so trouble while waiting is no reason to answer with an error. */
  async function waitForEnd(
    reply: FastifyReply,
    tenant: string,
    accepted: Run,
    seconds: number,
  ): Promise<Run> {
    if (seconds === 0 || isTerminal(accepted.status)) return accepted;
    const left = new AbortController();
    reply.raw.once('close', () => left.abort());
    try {
      const signal = AbortSignal.any([left.signal, stopping]);
      return (await client.waitForEnd(tenant, accepted.id, seconds * 1000, signal)) ?? accepted;
    } catch (error) {
      reply.log.warn({ err: error, run: accepted.id }, 'stopped waiting for the end of the run');
      return accepted;
    }
  }
}

function answer(reply: FastifyReply, run: Run): FastifyReply {
  reply.header('location', `/v1/runs/${run.id}`);
  if (isTerminal(run.status)) return reply.code(200).send(presentRun(run));
  return reply.code(202).header('retry-after', '1').send(presentRun(run));
}
