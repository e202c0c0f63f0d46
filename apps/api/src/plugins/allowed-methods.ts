import { METHODS } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { ProblemError } from '../problems.ts';

/** Call before routes are added; the returned function after all of them: it answers every other method on their URLs with 405. */
export function watchMethods(app: FastifyInstance): () => void {
  const urls = new Set<string>();
  // also those that the framework does not know by itself
  for (const method of METHODS)
    if (method !== 'CONNECT' && !app.supportedMethods.includes(method)) app.addHttpMethod(method);
  app.addHook('onRoute', ({ url }) => {
    urls.add(url);
  });

  return () => {
    for (const url of [...urls]) {
      const [allowed, others] = partition(app.supportedMethods, (method) => app.hasRoute({ url, method }));
      const allow = allowed.sort().join(', ');
      app.route({
        url,
        method: others,
        config: { access: 'public' },
        // Before anything is read: what the body holds does not matter.
        onRequest: async (request) => {
          throw new ProblemError(
            'method_not_allowed',
            `${request.method} is not allowed here; use ${allow}.`,
            {
              headers: { allow },
            },
          );
        },
        handler: async () => {},
      });
    }
  };
}

function partition<T>(all: readonly T[], fits: (one: T) => boolean): [T[], T[]] {
  return [all.filter(fits), all.filter((one) => !fits(one))];
}
