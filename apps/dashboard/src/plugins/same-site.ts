import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { DashboardProblem } from '../problems.ts';

/**
 * A browser sends the login along with requests that another site's page makes. Writes are therefore taken from our own pages
 * only, and from clients that are no browser and say nothing about where they come from.
 */
export const sameSiteWrites = fp(async (app) => {
  app.addHook('onRequest', async (request) => {
    if (request.method === 'GET' || request.method === 'HEAD' || cameFromUs(request)) return;
    throw new DashboardProblem(403, 'cross_site_request', 'Changes are accepted from dashboard pages only.');
  });
});

function cameFromUs({ headers, host }: FastifyRequest): boolean {
  const site = headers['sec-fetch-site'];
  // the browser itself compares, so this holds whatever Host a proxy sends
  if (site !== undefined) return site === 'same-origin';
  if (headers.origin === undefined) return true;
  return URL.canParse(headers.origin) && new URL(headers.origin).host === host;
}
