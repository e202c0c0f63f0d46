import fp from 'fastify-plugin';
import { Histogram, type Registry } from 'prom-client';

declare module 'fastify' {
  interface FastifyRequest {
    /** The run this request is about, once known. */
    runId: string | undefined;
    /** The code of the problem that it was answered with. */
    problemCode: string | undefined;
  }
}

/**
 * One line a request: what was asked of which route, by whom, from where, for which run, how it ended; never URLs, headers or bodies. Its id is in the
 * answer as well. The same is counted by route, method and status.
 */
export const requestLog = fp(async (app, { metrics }: { readonly metrics: Registry }) => {
  const durations = new Histogram({
    name: 'http_server_request_duration_seconds',
    help: 'How long requests took.',
    labelNames: ['route', 'method', 'status'],
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    registers: [metrics],
  });
  app.decorateRequest('runId', undefined);
  app.decorateRequest('problemCode', undefined);
  app.addHook('onRequest', async (request, reply) => {
    reply.header('request-id', request.id);
  });
  app.addHook('onResponse', async (request, reply) => {
    if (request.passedOn) return;
    const route = request.routeOptions.url ?? '(no route)';
    const { runId: run, principal, problemCode: problem } = request;
    // a method is whatever the client writes
    const method = app.supportedMethods.includes(request.method) ? request.method : 'OTHER';
    durations.observe({ route, method, status: String(reply.statusCode) }, reply.elapsedTime / 1_000);
    request.log.info(
      {
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
        address: request.ip,
        ...(principal && { tenant: principal.tenant, key: principal.keyId ?? principal.name }),
        ...(run !== undefined && { run }),
        ...(problem !== undefined && { problem }),
      },
      `${request.method} ${route}`,
    );
  });
});
