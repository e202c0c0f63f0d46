import type { Client, FlowContract } from '@holdfast/engine';
import { presentRun } from '@holdfast/run-view';
import type { FastifyInstance } from 'fastify';
import { sendTagged } from '../etag.ts';
import { principalOf } from '../plugins/authentication.ts';
import { ProblemError } from '../problems.ts';

/** `GET /v1/runs/{id}`: how a run stands. */
export async function runRoutes(
  app: FastifyInstance,
  { client, contracts }: { readonly client: Client; readonly contracts: readonly FlowContract[] },
): Promise<void> {
  app.get<{ Params: { id: string } }>(
    '/v1/runs/:id',
    { config: { access: 'read' } },
    async (request, reply) => {
      const run = await client.getRun(principalOf(request).tenant, request.params.id, { input: false });
      if (!run) throw new ProblemError('run_not_found', 'There is no run with this id.');
      request.runId = run.id;
      return sendTagged(request, reply, run, (each) => presentRun(each, contracts));
    },
  );
}
