import { Readable } from 'node:stream';
import { Places } from '@holdfast/app-kit';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { operatorOf } from './plugins/login.ts';
import { DashboardProblem } from './problems.ts';

/** So that what stands in between does not take the connection for dead. */
const COMMENT_EVERY_MS = 15_000;

/** Each page that is open has one. */
const MOST = { all: 500, each: 200 } as const;

/** Open streams, to be ended when the dashboard closes. */
export class EventStreams {
  readonly #open = new Set<AbortController>();
  readonly #places = new Places(MOST);

  /**
   * Answers with server-sent events until the source ends or the client goes.
   * @throws DashboardProblem when this login, or all together, have too many open already
   * @param source what to send: `id` comes back as Last-Event-ID when the browser connects again
   */
  send(
    request: FastifyRequest,
    reply: FastifyReply,
    source: (signal: AbortSignal) => AsyncIterable<{ readonly id: string }>,
  ): FastifyReply {
    const giveBack = this.#places.take(operatorOf(request).user);
    if (!giveBack)
      throw new DashboardProblem(
        429,
        'too_many_streams',
        'Too many pages are open that follow what happens. Close some of them.',
        {
          'retry-after': '5',
        },
      );
    const stop = new AbortController();
    this.#open.add(stop);
    const stream = new Readable({ read() {} });
    const comments = setInterval(() => stream.push(': still here\n\n'), COMMENT_EVERY_MS);
    stream.push('retry: 2000\n\n');
    const pump = async () => {
      try {
        for await (const { id } of source(stop.signal))
          stream.push(`id: ${id}\nevent: changed\ndata: ${id}\n\n`);
      } catch (error) {
        request.log.debug({ err: error }, 'a stream of events ended early; the browser connects again');
      }
      stream.push(null);
    };
    stream.once('close', () => {
      clearInterval(comments);
      giveBack();
      this.#open.delete(stop);
      stop.abort();
    });
    void pump();
    return reply
      .headers({ 'cache-control': 'no-store', 'x-accel-buffering': 'no' })
      .type('text/event-stream')
      .send(stream);
  }

  close(): void {
    for (const stop of this.#open) stop.abort();
  }
}
