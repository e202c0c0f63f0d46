import type { Queue } from 'bullmq';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { DashboardProblem } from '../problems.ts';

/**
 * Bull Board can clean, edit, add, pause and obliterate. Each would put queue and journal at odds, so of all its writes only the
 * retry of failed letters is let through: an allow-list, so that what a later version adds is refused too.
 */
export function allowOnlyRetries(app: FastifyInstance, deadLetters: Queue): void {
  app.addHook('onRequest', async (request) => {
    if (request.method === 'GET' || request.method === 'HEAD' || isRetry(request, deadLetters.name)) return;
    throw new DashboardProblem(405, 'method_not_allowed', 'Only the retry of dead letters is allowed.', {
      allow: 'GET, HEAD',
    });
  });
  app.addHook('preHandler', async (request) => {
    if (request.method === 'GET' || request.method === 'HEAD') return;
    const { jobId } = request.params as RouteParams;
    if (jobId !== undefined && (await deadLetters.getJobState(jobId)) !== 'failed') {
      throw new DashboardProblem(
        409,
        'letter_not_failed',
        'The letter was retried already, or there is none.',
      );
    }
    request.log.info({ letter: jobId ?? 'all' }, 'retry from the board');
  });
}

interface RouteParams {
  readonly queueName?: string;
  readonly jobId?: string;
  readonly queueStatus?: string;
}

function isRetry(request: FastifyRequest, deadLettersName: string): boolean {
  const { queueName, queueStatus } = request.params as RouteParams;
  if (request.method !== 'PUT' || queueName !== deadLettersName) return false;
  switch (request.routeOptions.url) {
    case '/queues/api/queues/:queueName/:jobId/retry':
      return true;
    case '/queues/api/queues/:queueName/retry/:queueStatus':
      return queueStatus === 'failed';
    default:
      return false;
  }
}
