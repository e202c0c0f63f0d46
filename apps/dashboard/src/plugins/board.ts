import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import type { Queue } from 'bullmq';
import type { FastifyInstance } from 'fastify';
import type { BoardQueues } from '../board-queues.ts';
import { boardAnswerForViewer } from '../for-viewer.ts';
import { answerProblem, DashboardProblem } from '../problems.ts';
import type { Snapshots } from '../snapshots.ts';
import { operatorOf } from './login.ts';
import { allowOnlyRetries, type RetryOptions } from './only-retries.ts';
import { BOARD_POLICY } from './security-headers.ts';

/** Bull Board knows `allowCompletedRetries` for every queue; only its type for BullMQ's does not. */
const LETTERS = {
  description: 'Runs that wait for a person. Retry lets a run go on from the step that failed.',
  allowCompletedRetries: false,
};

/** Each job leads to its run's page; a job of the flows' queues and a letter both name their run. */
const jobUrlBelow =
  (basePath: string) =>
  ({ data }: { readonly data: { readonly runId?: unknown } }) => ({
    href: `${basePath}${typeof data.runId === 'string' ? `/runs/${encodeURIComponent(data.runId)}` : '/runs'}`,
    displayText: 'Its run',
  });

/** Bull Board's own links are behind an icon. */
const wayBackTo = (overview: string) =>
  `<a href="${overview}" style="position:fixed;left:12px;bottom:40px;z-index:1500;padding:4px 12px;border-radius:4px;background:#0b5cad;color:#fff;font:14px system-ui,sans-serif;text-decoration:none">Back to the overview</a>`;

/** The machine, the memory and the port of Redis. */
const REDIS_STATS = '/queues/api/redis/stats';

/** On one page of Bull Board, whatever is asked for. */
const MOST_JOBS = 100;

/** A stylesheet, or a hint about one, from another host. */
const FOREIGN_LINK = /<link\b[^>]*\bhref="https?:[^>]*>/g;

const adapterOf = (queue: Queue, externalJobUrl: ReturnType<typeof jobUrlBelow>) =>
  new BullMQAdapter(queue, {
    description: `Runs of the flow "${queue.name}" that are ready or wait. The journal has their state.`,
    readOnlyMode: true,
    allowRetries: false,
    externalJobUrl,
  });

export interface BoardOptions extends Omit<RetryOptions, 'deadLetters'> {
  readonly queues: BoardQueues;
  readonly snapshots: Snapshots;
  /** Where clients reach the dashboard; empty at the root. */
  readonly basePath: string;
  /** Rejects when Redis does not answer. */
  readonly ping: () => Promise<void>;
}

/** Bull Board at `/queues`. Retrying dead letters is all it can change. */
export async function board(app: FastifyInstance, options: BoardOptions): Promise<void> {
  const { queues, ping, snapshots, basePath } = options;
  const serverAdapter = new FastifyAdapter().setBasePath(`${basePath}/queues`);
  const externalJobUrl = jobUrlBelow(basePath);
  const wayBack = wayBackTo(`${basePath}/`);
  const shown = new Set(queues.flows().map(({ name }) => name));
  const { addQueue } = createBullBoard({
    serverAdapter,
    queues: [
      ...queues.flows().map((queue) => adapterOf(queue, externalJobUrl)),
      new BullMQAdapter(queues.deadLetters, { ...LETTERS, externalJobUrl }),
    ],
    options: {
      uiConfig: {
        boardTitle: 'Holdfast',
        hideDocsLink: true,
        miscLinks: [
          { text: 'Overview', url: `${basePath}/` },
          { text: 'Runs', url: `${basePath}/runs` },
        ],
        jobDetails: { defaultTab: 'Error' },
      },
    },
  });

  // Bull Board sets an error handler of its own; ours answers the same everywhere.
  app.addHook('onRoute', (route) => {
    route.errorHandler = answerProblem;
  });
  app.addHook('onRequest', async (request, reply) => {
    reply.header('content-security-policy', BOARD_POLICY);
    if (request.routeOptions.url === REDIS_STATS && operatorOf(request).role !== 'admin')
      throw new DashboardProblem(403, 'read_only', 'Redis details are shown to admins only.');
  });
  // it takes any number
  app.addHook('preValidation', async ({ query }) => {
    const asked = query as { jobsPerPage?: unknown };
    if (asked.jobsPerPage !== undefined)
      asked.jobsPerPage = String(
        Math.min(Math.max(Math.trunc(Number(asked.jobsPerPage)) || MOST_JOBS, 1), MOST_JOBS),
      );
  });
  // its page asks for a font from elsewhere, which nothing here may: the browser's own is as good
  app.addHook('onSend', async (request, reply, payload) => {
    const page = String(reply.getHeader('content-type') ?? '').startsWith('text/html');
    if (!page || !request.url.startsWith('/queues') || typeof payload !== 'string') return payload;
    return payload.replaceAll(FOREIGN_LINK, '').replace(/<body\b[^>]*>/, (body) => `${body}${wayBack}`);
  });
  app.addHook('onSend', async (request, reply, payload) => {
    const json = String(reply.getHeader('content-type') ?? '').startsWith('application/json');
    if (!json || typeof payload !== 'string' || operatorOf(request).role === 'admin') return payload;
    // what a job has logged is text
    if (request.routeOptions.url?.endsWith('/logs')) return '[]';
    return JSON.stringify(boardAnswerForViewer(JSON.parse(payload)));
  });
  allowOnlyRetries(app, { ...options, deadLetters: queues.deadLetters });
  app.addHook('preHandler', async (request) => {
    if (request.url.startsWith('/queues/static/')) return;
    await ping();
    // a flow that is not built in has its queue here as soon as it has runs
    const { overview } = await snapshots.latest();
    for (const flow of overview.flows) {
      if (shown.has(flow)) continue;
      shown.add(flow);
      addQueue(adapterOf(queues.open(flow), externalJobUrl));
    }
  });
  await app.register(serverAdapter.registerPlugin(), { prefix: '/queues' });
}
