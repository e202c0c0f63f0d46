import { createBullBoard } from '@bull-board/api';
import { BullMQAdapter } from '@bull-board/api/bullMQAdapter';
import { FastifyAdapter } from '@bull-board/fastify';
import type { FastifyInstance } from 'fastify';
import type { BoardQueues } from '../board-queues.ts';
import { answerProblem } from '../problems.ts';
import { allowOnlyRetries } from './only-retries.ts';

/** Bull Board knows `allowCompletedRetries` for every queue; only its type for BullMQ's does not. */
const LETTERS = {
  description: 'Runs that wait for a person. Retry lets a run go on from the step that failed.',
  allowCompletedRetries: false,
};

export interface BoardOptions {
  readonly queues: BoardQueues;
  /** Rejects when Redis does not answer. */
  readonly ping: () => Promise<void>;
}

/** Bull Board at `/queues`. Retrying dead letters is all it can change. */
export async function board(app: FastifyInstance, { queues, ping }: BoardOptions): Promise<void> {
  const serverAdapter = new FastifyAdapter().setBasePath('/queues');
  createBullBoard({
    serverAdapter,
    queues: [
      ...queues.flows.map(
        (queue) =>
          new BullMQAdapter(queue, {
            description: `Runs of the flow "${queue.name}" that are ready or wait. The journal has their state.`,
            readOnlyMode: true,
            allowRetries: false,
          }),
      ),
      new BullMQAdapter(queues.deadLetters, LETTERS),
    ],
    options: {
      uiConfig: {
        boardTitle: 'Holdfast',
        hideDocsLink: true,
        jobDetails: { defaultTab: 'Error' },
      },
    },
  });

  // Bull Board sets an error handler of its own; ours answers the same everywhere.
  app.addHook('onRoute', (route) => {
    route.errorHandler = answerProblem;
  });
  allowOnlyRetries(app, queues.deadLetters);
  app.addHook('preHandler', async (request) => {
    if (!request.url.startsWith('/queues/static/')) await ping();
  });
  await app.register(serverAdapter.registerPlugin(), { prefix: '/queues' });
}
