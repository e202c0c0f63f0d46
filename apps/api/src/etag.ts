import type { Run } from '@holdfast/engine';
import { editionOf } from '@holdfast/run-view';
import type { FastifyReply, FastifyRequest } from 'fastify';

/** Answers a GET with what there is to show of a run, or with 304 when the client has just that. */
export function sendTagged(
  request: FastifyRequest,
  reply: FastifyReply,
  run: Run,
  show: (run: Run) => object,
): FastifyReply {
  return sendUnlessKnown(request, reply, etagOf(run), () => show(run));
}

/** Answers a GET with a body, or with 304 when the client has the one with this ETag. */
export function sendUnlessKnown(
  request: FastifyRequest,
  reply: FastifyReply,
  etag: string,
  body: () => object | string,
): FastifyReply {
  reply.headers({ etag, 'cache-control': 'private, no-cache' });
  if (matches(request.headers['if-none-match'], etag)) return reply.code(304).send();
  return reply.send(body());
}

/** Strong: every change of what is shown is another edition. */
function etagOf(run: Run): string {
  return `"${editionOf(run)}-${run.status}"`;
}

/** If-None-Match compares weakly (RFC 9110, 13.1.2). */
function matches(ifNoneMatch: string | undefined, etag: string): boolean {
  if (ifNoneMatch === undefined) return false;
  if (ifNoneMatch.trim() === '*') return true;
  const known: readonly string[] = ifNoneMatch.match(/"[^"]*"/g) ?? [];
  return known.includes(etag);
}
