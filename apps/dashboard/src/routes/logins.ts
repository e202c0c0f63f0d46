import { type Operations, SECURITY } from '@holdfast/operations';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { loggedOutPage, loginsPage } from '../pages/logins-page.ts';
import { operatorOf } from '../plugins/login.ts';
import { DashboardProblem } from '../problems.ts';
import type { SecurityLog } from '../security-log.ts';

const SHOWN = 100;
const REMEMBERED = 1_000;
const Query = z.object({ once: z.string().min(1).max(100) });

export interface LoginsRoutesOptions {
  readonly operations: Operations;
  readonly security: SecurityLog;
}

/** `/logins`, who logged in and was locked out; and `/logout`. */
export async function loginsRoutes(
  app: FastifyInstance,
  { operations, security }: LoginsRoutesOptions,
): Promise<void> {
  app.get('/logins', async (request, reply) => {
    const operator = operatorOf(request);
    if (operator.role !== 'admin')
      throw new DashboardProblem(403, 'read_only', 'Logins are shown to admins only.');
    const { data } = await operations.audit(SECURITY, { limit: SHOWN });
    reply.type('text/html; charset=utf-8');
    return loginsPage({ entries: data, operator, now: Date.now() });
  });

  const used = new Set<string>();
  /**
   * A browser forgets a password of HTTP basic when it is refused, and asks for another one. With that it sends the request again: the second time
   * the same link logs nobody out.
   */
  app.get('/logout', async (request, reply) => {
    const site = request.headers['sec-fetch-site'];
    if (site === 'cross-site' || site === 'same-site')
      throw new DashboardProblem(403, 'cross_site_request', 'Log out from a page of the dashboard.');
    const { once } = Query.catch({ once: '' }).parse(request.query);
    if (used.has(once)) return reply.redirect('/', 303);
    if (used.size >= REMEMBERED) used.clear();
    if (once !== '') used.add(once);
    security.loggedOut(operatorOf(request), request.ip);
    return reply
      .code(401)
      .headers({ 'www-authenticate': 'Basic realm="Holdfast"', 'cache-control': 'no-store' })
      .type('text/html; charset=utf-8')
      .send(loggedOutPage());
  });
}
