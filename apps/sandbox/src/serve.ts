import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Faults, Operation } from './faults.ts';
import type { Provider } from './ledger.ts';
import { underFault } from './under-fault.ts';

const PAGE =
  '<!doctype html><title>Access denied</title><h1>Access denied</h1><p>Your request was blocked.</p>\n';

/** An HTTP answer; without a body for a 204. */
export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

export interface Call<P extends Provider> {
  readonly provider: P;
  readonly operation: Operation<P>;
  /** Does the effect, durably, and returns the answer to it. */
  readonly work: () => Answer;
  /** The provider's way to say that something went wrong. */
  readonly fail: (status: number, message: string) => Answer;
}

/** Answers a request, or does to it what the next fault set on its operation says. */
export async function serve<P extends Provider>(
  faults: Faults,
  request: FastifyRequest,
  reply: FastifyReply,
  call: Call<P>,
): Promise<unknown> {
  const answer = await underFault(faults.take(call.provider, call.operation), {
    work: call.work,
    refuse: (fault) => {
      const status = fault.fault === 'throttle' ? 429 : fault.status;
      const failure = call.fail(status, `The sandbox was told to answer ${status}.`);
      if (fault.retryAfter === undefined) return failure;
      return { ...failure, headers: { ...failure.headers, 'retry-after': String(fault.retryAfter) } };
    },
    hold: (forMs) => {
      reply.hijack();
      dropLater(request.raw.socket, forMs);
    },
    block: (status) => ({ status, headers: { 'content-type': 'text/html; charset=utf-8' }, body: PAGE }),
    compress: ({ body, headers, ...answer }) => ({
      ...answer,
      headers: { ...headers, 'content-type': 'application/json; charset=utf-8', 'content-encoding': 'gzip' },
      body: gzipSync(JSON.stringify(body ?? null)),
    }),
    reset: () => {
      reply.hijack();
      request.raw.socket.resetAndDestroy();
    },
  });
  if (!answer) return undefined;
  reply.code(answer.status).headers(answer.headers ?? {});
  return answer.body;
}

/** The request's Idempotency-Key as it was sent, or null. */
export function idempotencyKeyOf(request: FastifyRequest): string | null {
  const key = request.headers['idempotency-key'];
  return typeof key === 'string' && key !== '' ? key : null;
}

/** Drops the connection after a while unless the client has given up before. */
export function dropLater(socket: Socket, afterMs: number): void {
  const timer = setTimeout(() => socket.destroy(), afterMs);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
}
