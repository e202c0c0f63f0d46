import { createHash, timingSafeEqual } from 'node:crypto';
import basicAuth from '@fastify/basic-auth';
import type { Actor } from '@holdfast/operations';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { DashboardProblem } from '../problems.ts';
import { WrongLogins } from '../wrong-logins.ts';

/** `admin` sees and does everything; `viewer` changes nothing and sees no payload. */
export type Role = 'admin' | 'viewer';

export interface Account {
  readonly user: string;
  readonly password: string;
  readonly role: Role;
}

export interface Operator {
  readonly user: string;
  readonly role: Role;
}

/** What answers without a login: whether the process lives and is ready, and what even the page of a refusal is made with. */
const OPEN = new Set(['/livez', '/readyz', '/assets/:file']);

const operators = new WeakMap<FastifyRequest, Operator>();

/**
 * HTTP basic over everything else, unknown pages too. Names and passwords are compared in constant time; wrong ones are logged, slowed down
 * and, after some, locked out. Writes are for admins.
 */
export const login = fp(async (app, { accounts }: { readonly accounts: readonly Account[] }) => {
  const attempts = new WrongLogins();
  const known = accounts.map(({ user, password, role }) => ({ user, role, digest: digest(user, password) }));
  await app.register(basicAuth, {
    authenticate: { realm: 'Holdfast' },
    validate: async (user, password, request) => {
      const given = digest(user, password);
      const who = attempts.of(accounts.some((account) => account.user === user) ? user : '', request.ip);
      await attempts.refuseLocked(who);
      // every account is compared with, also once one was found
      const [found] = known.filter((account) => timingSafeEqual(account.digest, given));
      if (found) {
        operators.set(request, { user: found.user, role: found.role });
        await attempts.forget(who);
        return;
      }
      const wrong = await attempts.note(who);
      request.log.warn({ user: user.slice(0, 100), address: request.ip, wrong }, 'a login was refused');
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
  app.addHook('onRequest', async (request) => {
    if (request.method === 'GET' || request.method === 'HEAD') return;
    if (operatorOf(request).role === 'admin') return;
    throw new DashboardProblem(403, 'read_only', 'This login may look at everything and change nothing.');
  });
});

export function operatorOf(request: FastifyRequest): Operator {
  const operator = operators.get(request);
  if (!operator) throw new Error(`${request.method} ${request.url} was reached without a login`);
  return operator;
}

/** As the audit log knows the operator. */
export function actorOf(request: FastifyRequest): Actor {
  return { name: operatorOf(request).user, via: 'dashboard' };
}

/** A name holds no colon, so this reads only one way. */
function digest(user: string, password: string): Buffer {
  return createHash('sha256').update(`${user}:${password}`).digest();
}
