import { createHash, timingSafeEqual } from 'node:crypto';
import basicAuth from '@fastify/basic-auth';
import fp from 'fastify-plugin';
import { DashboardProblem } from '../problems.ts';

export interface LoginOptions {
  readonly user: string;
  readonly password: string;
}

/** What answers without a login: whether the process lives and is ready. */
const OPEN = new Set(['/livez', '/readyz']);

/** HTTP basic over everything else, unknown pages too. Name and password are compared in constant time. */
export const login = fp(async (app, { user, password }: LoginOptions) => {
  const known = digest(user, password);
  await app.register(basicAuth, {
    authenticate: { realm: 'Holdfast' },
    validate: async (givenUser, givenPassword) => {
      if (timingSafeEqual(known, digest(givenUser, givenPassword))) return;
      throw Object.assign(
        new DashboardProblem(401, 'login_required', 'The user name or the password is wrong.'),
        { statusCode: 401 },
      );
    },
  });
  app.addHook('onRequest', (request, reply, done) => {
    if (OPEN.has(request.routeOptions.url ?? '')) done();
    else app.basicAuth(request, reply, done);
  });
});

/** A name holds no colon, so this reads only one way. */
function digest(user: string, password: string): Buffer {
  return createHash('sha256').update(`${user}:${password}`).digest();
}
