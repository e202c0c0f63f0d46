import type { Client, Run } from '@holdfast/engine';
import type { FastifyInstance } from 'fastify';
import { principalOf } from '../plugins/authentication.ts';
import { ProblemError } from '../problems.ts';
import { presentRun } from '../run-json.ts';

/** `GET /v1/runs/{id}`: how a run stands. */
export async function runRoutes(
  app: FastifyInstance,
  { client }: { readonly client: Client },
): Promise<void> {
  app.get<{ Params: { id: string } }>(
    '/v1/runs/:id',
    { config: { access: 'read' } },
    async (request, reply) => {
      const run = await client.getRun(principalOf(request).tenant, request.params.id);
      if (!run) throw new ProblemError('run_not_found', 'There is no run with this id.');
      request.runId = run.id;
      const etag = etagOf(run);
      reply.headers({ etag, 'cache-control': 'private, no-cache' });
      if (matches(request.headers['if-none-match'], etag)) return reply.code(304).send();
      return presentRun(run);
    },
  );
}

/** Strong: the revision grows with every change of what is shown. */
function etagOf(run: Run): string {
  return `"${run.revision}-${run.status}"`;
}

/** If-None-Match compares weakly (RFC 9110, 13.1.2). */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  const known: readonly string[] = ifNoneMatch.match(/"[^"]*"/g) ?? [];
  return known.includes(etag);
}
