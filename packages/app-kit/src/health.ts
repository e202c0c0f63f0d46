import type { FastifyInstance, FastifyRequest } from 'fastify';
import { collectDefaultMetrics, Registry } from 'prom-client';

export interface Health {
  /** Rejects when the process cannot do its work; the message says why. */
  readonly check: () => Promise<void>;
  /** True once the process is stopping: it takes no new work. */
  readonly draining: () => boolean;
  readonly metrics: Registry;
  /** What `/readyz?verbose` shows besides, ready or not; undefined for who may not see it. */
  readonly verbose?: (request: FastifyRequest) => object | undefined | Promise<object | undefined>;
}

/** Who asks gives up soon after, and takes silence for a process that is stuck. */
const CHECK_MS = 1_800;

/** A registry with Node's own process metrics, each labelled with the process's role. */
export function createMetrics(role: string): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ role });
  collectDefaultMetrics({ register: registry });
  return registry;
}

/** Adds `GET /livez` (never touches Redis), `/readyz` (503 when the check fails or while draining) and `/metrics`. */
export function addHealthRoutes(app: FastifyInstance, health: Health): void {
  app.get('/livez', { logLevel: 'warn' }, async () => ({ status: 'ok' }));
  app.get<{ Querystring: { verbose?: string } }>('/readyz', { logLevel: 'warn' }, async (request, reply) => {
    reply.header('cache-control', 'no-store');
    const more = request.query.verbose === undefined ? {} : await health.verbose?.(request);
    if (health.draining()) return reply.code(503).send({ status: 'draining', ...more });
    try {
      await within(CHECK_MS, health.check());
      return { status: 'ok', ...more };
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      return reply.code(503).send({ status: 'unavailable', reason, ...more });
    }
  });
  app.get('/metrics', { logLevel: 'warn' }, async (_request, reply) => {
    reply.header('content-type', health.metrics.contentType);
    return health.metrics.metrics();
  });
}

/** For connections whose commands wait until Redis is back. */
async function within(ms: number, check: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`redis did not answer within ${ms / 1000} s`)), ms);
  });
  try {
    await Promise.race([check, late]);
  } finally {
    clearTimeout(timer);
  }
}
