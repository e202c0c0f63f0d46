import type { AcceptOptions, Routes } from '@holdfast/project';
import type { FastifyInstance } from 'fastify';
import { ProblemError } from '../problems.ts';
import { acceptance } from './accept.ts';

/** Where runs of flows are accepted whose own routes alone accept them, by flow. */
export function elsewhereIn(routes: readonly Routes[]): ReadonlyMap<string, string> {
  return new Map(routes.flatMap(({ acceptedThereAlone = {} }) => Object.entries(acceptedThereAlone)));
}

export type SubmitOptions = AcceptOptions & { readonly elsewhere: ReadonlyMap<string, string> };

/** @throws ProblemError `flow_not_submittable` */
export function assertSubmittable(elsewhere: ReadonlyMap<string, string>, flow: string): void {
  const there = elsewhere.get(flow);
  if (there === undefined) return;
  throw new ProblemError(
    'flow_not_submittable',
    `Runs of the flow "${flow}" are accepted by POST ${there} alone.`,
  );
}

/** `POST /v1/flows/{flow}/runs`: accepts a run of any flow that has no way of its own. */
export async function submitRoutes(app: FastifyInstance, options: SubmitOptions): Promise<void> {
  const { route, submit } = acceptance(app, options);

  app.post<{ Params: { flow: string } }>('/v1/flows/:flow/runs', route, (request, reply) => {
    const { flow } = request.params;
    assertSubmittable(options.elsewhere, flow);
    return submit(request, reply, flow);
  });
}
