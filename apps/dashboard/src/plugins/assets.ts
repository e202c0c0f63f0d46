import type { FastifyInstance } from 'fastify';
import { ICON, SCRIPT, STYLE } from '../pages/asset-files.ts';
import { DashboardProblem } from '../problems.ts';

/** The one stylesheet and the one script. They are the same for everybody, and need no login. */
export async function assets(app: FastifyInstance): Promise<void> {
  const known = new Map([STYLE, SCRIPT, ICON].map((asset) => [asset.path, asset]));
  app.get<{ Params: { file: string } }>('/assets/:file', async (request, reply) => {
    const asset = known.get(`/assets/${request.params.file}`);
    if (!asset) throw new DashboardProblem(404, 'page_not_found', 'There is no such file.');
    reply.header('cache-control', 'private, max-age=31536000, immutable').type(asset.type);
    return reply.send(asset.body);
  });
}
