import type { FastifyInstance } from 'fastify';
import { ProblemError } from '../problems.ts';

/** Call before routes are added; the returned function after all of them: it answers every other method on their URLs with 405. */
export function watchMethods(app: FastifyInstance): () => void {
  const allowedByUrl = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const allowed = allowedByUrl.get(url) ?? new Set();
    for (const one of [method].flat()) allowed.add(one);
    allowedByUrl.set(url, allowed);
  });

  return () => {
    for (const [url, allowed] of [...allowedByUrl]) {
      const allow = [...allowed].sort().join(', ');
      app.route({
        url,
        method: app.supportedMethods.filter((method) => !allowed.has(method)),
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
