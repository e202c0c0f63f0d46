import { addHealthRoutes, createMetrics } from '@holdfast/app-kit';
import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify';
import type { BoardQueues } from './board-queues.ts';
import { board } from './plugins/board.ts';
import { type LoginOptions, login } from './plugins/login.ts';
import { sameSiteWrites } from './plugins/same-site.ts';
import { securityHeaders } from './plugins/security-headers.ts';
import { answerProblem, DashboardProblem } from './problems.ts';

export interface DashboardParts {
  readonly login: LoginOptions;
  readonly queues: BoardQueues;
  /** Rejects, in time, when Redis does not answer. */
  readonly ping: () => Promise<unknown>;
  readonly draining: () => boolean;
  readonly log: FastifyBaseLogger;
}

/** The dashboard, complete but for a port to listen on. */
export async function buildDashboard(parts: DashboardParts): Promise<FastifyInstance> {
  const app: FastifyInstance = Fastify({
    loggerInstance: parts.log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: 64 * 1024,
    requestTimeout: 15_000,
    http: { headersTimeout: 10_000, connectionsCheckingInterval: 2_000 },
    connectionTimeout: 30_000,
  });
  const ping = async () => {
    try {
      await parts.ping();
    } catch (error) {
      parts.log.warn({ err: error }, 'redis does not answer');
      throw new DashboardProblem(
        503,
        'store_unavailable',
        'Redis does not answer. Runs go on once it is back.',
        {
          'retry-after': '1',
        },
      );
    }
  };

  app.setErrorHandler(answerProblem);
  app.setNotFoundHandler((request, reply) =>
    answerProblem(new DashboardProblem(404, 'page_not_found', 'There is no such page.'), request, reply),
  );
  await app.register(securityHeaders);
  await app.register(login, parts.login);
  await app.register(sameSiteWrites);

  app.get('/', async (_request, reply) => reply.redirect('/queues/'));
  await app.register(board, { queues: parts.queues, ping });
  addHealthRoutes(app, { check: ping, draining: parts.draining, metrics: createMetrics('dashboard') });
  return app;
}
