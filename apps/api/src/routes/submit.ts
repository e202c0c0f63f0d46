import type { AcceptOptions, Routes } from '@holdfast/project';
import type { FastifyInstance } from 'fastify';
import { ProblemError } from '../problems.ts';
import { acceptance } from './accept.ts';

/** Where runs of flows are accepted whose own routes alone accept them, by flow. */
export function elsewhereIn(routes: readonly Routes[]): ReadonlyMap<string, string> {
  return new Map(routes.flatMap(({ acceptedThereAlone = {} }) => Object.entries(acceptedThereAlone)));
}

/** `POST /v1/flows/{flow}/runs`: accepts a run of any flow that has no way of its own. */
export async function submitRoutes(
  app: FastifyInstance,
  options: AcceptOptions & { readonly elsewhere: ReadonlyMap<string, string> },
): Promise<void> {
  const { route, submit } = acceptance(app, options);

  app.post<{ Params: { flow: string } }>('/v1/flows/:flow/runs', route, (request, reply) => {
    const { flow } = request.params;
    const elsewhere = options.elsewhere.get(flow);
    if (elsewhere !== undefined) {
      throw new ProblemError(
        'flow_not_submittable',
        `Runs of the flow "${flow}" are accepted by POST ${elsewhere} alone.`,
      );
    }
    return submit(request, reply, flow, `/v1/flows/${flow}/runs`);
  });
}
