import fp from 'fastify-plugin';

declare module 'fastify' {
  interface FastifyRequest {
    /** The run this request is about, once known. */
    runId: string | undefined;
  }
}

/** One line a request: what was asked of which route, for which run, how it ended. Never URLs, headers or bodies. */
export const requestLog = fp(async (app) => {
  app.decorateRequest('runId', undefined);
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? '(no route)';
    request.log.info(
      {
        status: reply.statusCode,
        ms: Math.round(reply.elapsedTime),
        ...(request.runId === undefined ? {} : { run: request.runId }),
      },
      `${request.method} ${route}`,
    );
  });
});
