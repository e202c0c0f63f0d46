import type { FastifyInstance } from 'fastify';
import { ProblemError } from '../problems.ts';
import { SUBMITTED_ELSEWHERE } from '../submitted-elsewhere.ts';
import { type AcceptOptions, acceptance } from './accept.ts';

/** `POST /v1/orders` and `POST /v1/flows/{flow}/runs`: the ways to have a run of a flow accepted. */
export async function submitRoutes(app: FastifyInstance, options: AcceptOptions): Promise<void> {
  const { route, submit } = acceptance(app, options);

  app.post('/v1/orders', route, (request, reply) => submit(request, reply, 'order', '/v1/orders'));

  app.post<{ Params: { flow: string } }>('/v1/flows/:flow/runs', route, (request, reply) => {
    const { flow } = request.params;
    const elsewhere = SUBMITTED_ELSEWHERE.get(flow);
    if (elsewhere !== undefined) {
      throw new ProblemError(
        'flow_not_submittable',
        `Runs of the flow "${flow}" are accepted by POST ${elsewhere} alone.`,
      );
    }
    return submit(request, reply, flow, `/v1/flows/${flow}/runs`);
  });
}
