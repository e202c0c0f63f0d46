import { createHash } from 'node:crypto';
import type { Client } from '@holdfast/engine';
import { timelineSvg } from '@holdfast/run-view';
import type { FastifyInstance } from 'fastify';
import { sendUnlessKnown } from '../etag.ts';
import { principalOf } from '../plugins/authentication.ts';
import { ProblemError } from '../problems.ts';

/** `GET /v1/runs/{id}/timeline.svg`: a run as a picture, without its payloads. */
export async function timelineRoutes(
  app: FastifyInstance,
  { client }: { readonly client: Client },
): Promise<void> {
  app.get<{ Params: { id: string } }>(
    '/v1/runs/:id/timeline.svg',
    { config: { access: 'read' } },
    async (request, reply) => {
      const run = await client.getRun(principalOf(request).tenant, request.params.id, { input: false });
      if (!run) throw new ProblemError('run_not_found', 'There is no run with this id.');
      request.runId = run.id;
      // the run is told by Redis' clock, which may be ahead of this one
      const picture = timelineSvg(run, { now: Math.max(Date.now(), run.updatedAt) });
      reply
        .type('image/svg+xml')
        .headers({ 'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'" });
      return sendUnlessKnown(request, reply, etagOf(picture), () => picture);
    },
  );
}

/** By what it shows: the picture of a run that is under way changes with time alone. */
function etagOf(picture: string): string {
  return `"${createHash('sha256').update(picture).digest('base64url').slice(0, 22)}"`;
}
