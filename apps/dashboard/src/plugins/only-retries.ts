import type { Client, Letter } from '@holdfast/engine';
import type { Operations } from '@holdfast/operations';
import type { Queue } from 'bullmq';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { BulkRedrives } from '../bulk-redrives.ts';
import { DashboardProblem } from '../problems.ts';
import { actorOf } from './login.ts';

export interface RetryOptions {
  readonly deadLetters: Queue<Letter>;
  readonly client: Client;
  readonly operations: Operations;
  readonly redrives: BulkRedrives;
}

/** Of all letters at once: more than a person would wait for are redriven while nobody waits. */
const RETRY_ALL = { limit: 100_000, ratePerSecond: 500 } as const;
const PATIENCE_MS = 8_000;

/**
 * Bull Board can clean, edit, add, pause and obliterate. Each would put queue and journal at odds, so of all its writes only the
 * retry of failed letters is let through: an allow-list, so that what a later version adds is refused too. The retry is done here, as
 * the run page's redrive is: at once, and in the audit log.
 */
export function allowOnlyRetries(app: FastifyInstance, options: RetryOptions): void {
  const { deadLetters, client, operations } = options;
  app.addHook('onRequest', async (request) => {
    if (request.method === 'GET' || request.method === 'HEAD' || isRetry(request, deadLetters.name)) return;
    throw new DashboardProblem(405, 'method_not_allowed', 'Only the retry of dead letters is allowed.', {
      allow: 'GET, HEAD',
    });
  });
  app.addHook('preHandler', async (request, reply) => {
    if (request.method === 'GET' || request.method === 'HEAD') return;
    const { jobId } = request.params as RouteParams;
    if (jobId === undefined) {
      await reply.send({ retried: await retryAll(request, options) });
      return;
    }
    const letter = await deadLetters.getJob(jobId);
    if (!letter || (await letter.getState()) !== 'failed') throw notFailed();
    const { tenant, runId, death } = letter.data;
    const run = await client.findRun(runId, { input: false });
    // a letter of a death that is over is left to Bull Board: its retry changes nothing, and puts the letter away
    if (run?.status !== 'dead' || run.deaths !== death) return;
    const outcome = await operations.redrive(actorOf(request), tenant, runId);
    if (outcome === 'flow_unknown')
      throw new DashboardProblem(
        409,
        'flow_not_registered',
        'The flow of this run is gone: resolve its steps, then cancel it.',
      );
    if (outcome === 'redriven') await reply.code(204).send();
  });
}

/**
 * One tenant after the other, so that their number is no bound.
 * @returns how many runs were redriven, as far as could be waited for; the rest goes on
 */
async function retryAll(request: FastifyRequest, { client, redrives }: RetryOptions): Promise<number> {
  const actor = actorOf(request);
  const tenants = await client.tenants();
  let redriven = 0;
  const each = async () => {
    for (const [at, tenant] of tenants.entries()) {
      const end = redrives.start(actor, { tenant, ...RETRY_ALL });
      if (!end)
        throw new DashboardProblem(
          429,
          'too_many_redrives',
          `Wait until one of them has finished. ${at} of ${tenants.length} tenants are done.`,
        );
      redriven += (await end).redriven;
    }
  };
  const all = each();
  all.catch((error: unknown) =>
    request.log.warn({ err: error }, 'retry all ended early; retry it to continue'),
  );
  let patience: NodeJS.Timeout | undefined;
  const enough = new Promise<void>((resolve) => {
    patience = setTimeout(resolve, PATIENCE_MS);
  });
  await Promise.race([all, enough]).finally(() => clearTimeout(patience));
  return redriven;
}

function notFailed(): DashboardProblem {
  return new DashboardProblem(
    409,
    'letter_not_failed',
    'The dead letter was already retried, or does not exist.',
  );
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
