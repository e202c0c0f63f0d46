import basicAuth from '@fastify/basic-auth';
import { isTrustedProxy } from '@holdfast/app-kit';
import type { Actor } from '@holdfast/operations';
import type { FastifyReply, FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import { type Account, Logins, type Role } from '../logins.ts';
import { DashboardProblem } from '../problems.ts';
import type { SecurityLog } from '../security-log.ts';
import { MOST_WRONG, WrongLogins } from '../wrong-logins.ts';

export interface Operator {
  readonly user: string;
  readonly role: Role;
  /** `proxy`: it logs people in and out, and says who they are. */
  readonly by: 'password' | 'proxy';
}

export interface LoginOptions {
  /** Who may log in at the moment. */
  readonly accounts: () => readonly Account[];
  /** The header in which a trusted proxy says who the user is; absent: passwords only. */
  readonly trustedHeader?: string | undefined;
  readonly trustedProxies: readonly string[];
  readonly security: SecurityLog;
}

/** What answers without a login: whether the process lives and is ready, and what even the page of a refusal is made with. */
const OPEN = new Set(['/livez', '/readyz', '/assets/:file']);

const USER = /^[\x21-\x7e]{1,100}$/;

const operators = new WeakMap<FastifyRequest, Operator>();

/**
 * HTTP basic over everything else, unknown pages too; or the name that a trusted proxy gives. Names and passwords are compared in constant
 * time; wrong ones are logged, slowed down and, after some, locked out. Writes are for admins.
 */
export const login = fp(async (app, options: LoginOptions) => {
  const { security, trustedHeader } = options;
  const attempts = new WrongLogins();
  const logins = new Logins(options.accounts);
  const isProxy = isTrustedProxy(options.trustedProxies);
  const passes = (request: FastifyRequest, operator: Operator) => {
    operators.set(request, operator);
    security.loggedIn(operator, request.ip);
  };

  await app.register(basicAuth, {
    authenticate: { realm: 'Holdfast' },
    validate: async (user, password, request) => {
      const who = attempts.of(logins.find(user) ? user : '', request.ip);
      await attempts.refuseLocked(who);
      const found = await logins.check(user, password);
      if (found) {
        passes(request, { user: found.user, role: found.role, by: 'password' });
        await attempts.forget(who);
        return;
      }
      const wrong = await attempts.note(who);
      request.log.warn({ user: user.slice(0, 100), address: request.ip, wrong }, 'a login was refused');
      if (wrong === MOST_WRONG) security.lockedOut(logins.find(user)?.user, request.ip);
      throw wrongLogin();
    },
  });

  /** @returns undefined when no proxy of ours says who it is */
  const namedByProxy = (request: FastifyRequest): Operator | undefined => {
    if (trustedHeader === undefined || !isProxy(request.socket.remoteAddress)) return undefined;
    const user = request.headers[trustedHeader];
    if (user === undefined) return undefined;
    // one that comes twice has a space in it
    if (typeof user !== 'string' || !USER.test(user)) throw wrongLogin();
    return { user, role: logins.find(user)?.role ?? 'viewer', by: 'proxy' };
  };

  app.addHook('onRequest', (request: FastifyRequest, reply: FastifyReply, done) => {
    if (OPEN.has(request.routeOptions.url ?? '')) return done();
    const named = namedByProxy(request);
    if (!named) return app.basicAuth(request, reply, done);
    passes(request, named);
    done();
  });
  app.addHook('onRequest', async (request) => {
    if (request.method === 'GET' || request.method === 'HEAD') return;
    if (operatorOf(request).role === 'admin') return;
    throw new DashboardProblem(
      403,
      'read_only',
      'This account is read-only. Log in as an admin to make changes.',
    );
  });
});

function wrongLogin(): Error {
  const problem = new DashboardProblem(401, 'login_required', 'The user name or the password is wrong.');
  return Object.assign(problem, { statusCode: 401 });
}

export function operatorOf(request: FastifyRequest): Operator {
  const operator = operators.get(request);
  if (!operator) throw new Error(`${request.method} ${request.url} was reached without a login`);
  return operator;
}

/** As the audit log knows the operator. */
export function actorOf(request: FastifyRequest): Actor {
  return { name: operatorOf(request).user, via: 'dashboard' };
}
