import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { ProblemError } from '../problems.ts';
import { TenantTurns, type TurnBounds } from '../tenant-turns.ts';

/** A read may be large and holds up what comes after it on the connection to Redis; a write is small. */
const TURNS: { readonly reads: TurnBounds; readonly writes: TurnBounds } = {
  reads: { atOnce: 16, waiting: 1_000, waitMs: 5_000 },
  writes: { atOnce: 64, waiting: 2_000, waitMs: 5_000 },
};

const turns = new WeakMap<FastifyRequest, () => void>();

/** For a request that from now on waits and costs nothing: others of its tenant may go on. */
export function passTurn(request: FastifyRequest): void {
  turns.get(request)?.();
}

/** Works on some requests of each tenant at a time; the others wait, and are answered with 429 when that takes too long. */
export const fairTurns = fp(async (app) => {
  const reads = new TenantTurns(TURNS.reads);
  const writes = new TenantTurns(TURNS.writes);

  app.addHook('preParsing', async (request, reply) => {
    if (!request.principal) return;
    const left = new AbortController();
    reply.raw.once('close', () => left.abort());
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    const giveBack = await (isRead ? reads : writes).take(request.principal.tenant, left.signal);
    if (!giveBack)
      throw new ProblemError(
        'rate_limited',
        'Concurrency limit reached: this request waited too long for other requests of this tenant.',
        { headers: { 'retry-after': '1' } },
      );
    turns.set(request, giveBack);
    if (reply.raw.destroyed) giveBack();
    reply.raw.once('close', giveBack);
  });
  // a stream lasts, and costs little while it does
  app.addHook('onSend', async (request, _reply, payload) => {
    if (typeof payload === 'object' && payload !== null && 'pipe' in payload) passTurn(request);
    return payload;
  });
});
