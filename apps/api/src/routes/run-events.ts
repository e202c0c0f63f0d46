import { Readable } from 'node:stream';
import type { Places } from '@holdfast/app-kit';
import { type Client, isTerminal } from '@holdfast/engine';
import { editionOf } from '@holdfast/run-view';
import type { FastifyInstance } from 'fastify';
import type { Callers } from '../callers.ts';
import { eventStream } from '../event-stream.ts';
import { principalOf } from '../plugins/authentication.ts';
import { ProblemError } from '../problems.ts';

export interface RunEventsOptions {
  readonly client: Client;
  readonly callers: Callers;
  readonly streams: Places;
  /** Aborted when the server is stopping. */
  readonly stopping: AbortSignal;
}

/** A stream costs a socket, and up to twenty small looks a second whether its run has changed; two while nothing happens. */
export const MAX_STREAMS = { all: 500, each: 100 } as const;

/** `GET /v1/runs/{id}/events`: how a run stands, told whenever it changes, until it has ended. */
export async function runEventRoutes(
  app: FastifyInstance,
  { client, callers, stopping, streams }: RunEventsOptions,
): Promise<void> {
  app.get<{ Params: { id: string } }>(
    '/v1/runs/:id/events',
    { config: { access: 'read' }, exposeHeadRoute: false },
    async (request, reply) => {
      const { tenant } = principalOf(request);
      const run = await client.getRun(tenant, request.params.id, { input: false });
      if (!run) throw new ProblemError('run_not_found', 'There is no run with this id.');
      request.runId = run.id;
      reply.headers({ 'cache-control': 'private, no-store' });

      const isNews = request.headers['last-event-id'] !== editionOf(run);
      // to a client that connects again by itself this says that nothing more will come
      if (isTerminal(run.status) && !isNews) return reply.code(204).send();

      // its close would not be heard any more
      if (reply.raw.destroyed) return reply.hijack();
      const giveBack = streams.take(tenant);
      if (!giveBack && (streams.taken.get(tenant) ?? 0) >= MAX_STREAMS.each) throw tooManyOfTenant();
      if (!giveBack) {
        throw new ProblemError('too_many_streams', 'Too many event streams are open.', {
          headers: { 'retry-after': '5' },
        });
      }
      const left = new AbortController();
      reply.raw.once('close', () => {
        giveBack();
        left.abort();
      });
      const changes = client.changes(run, AbortSignal.any([left.signal, stopping]));
      const first = isNews ? run : undefined;
      const mayStill = async () => (await callers.of(request))?.scopes.has('read') === true;
      const events = Readable.from(eventStream({ first, changes, mayStill }), {
        ...{ objectMode: false, highWaterMark: 1 },
      });
      return reply.headers({ 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' }).send(events);
    },
  );
}

function tooManyOfTenant(): ProblemError {
  return new ProblemError(
    'rate_limited',
    `This tenant has ${MAX_STREAMS.each} streams open with this server, as many as a tenant may. Close those that are no longer needed.`,
    {
      headers: {
        'ratelimit-policy': `"streams";q=${MAX_STREAMS.each}`,
        ratelimit: '"streams";r=0;t=5',
        'retry-after': '5',
      },
    },
  );
}
