import type { Actor } from '@holdfast/operations';
import type { FastifyRequest } from 'fastify';
import fp from 'fastify-plugin';
import type { AddressLimit } from '../address-limit.ts';
import type { Principal, Scope } from '../api-keys.ts';
import type { Callers } from '../callers.ts';
import { ProblemError } from '../problems.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call the route: anyone, or keys with this scope. Every route under /v1 says so. */
    access?: 'public' | Scope;
  }
  interface FastifyRequest {
    principal: Principal | undefined;
  }
}

/** Wrong keys that one address may show in a minute; more are not even called wrong. */
export const MOST_WRONG_KEYS = 100;

export interface AuthenticationOptions {
  readonly callers: Callers;
  /** Absent: an address may show as many wrong keys as it likes. */
  readonly wrongKeys?: AddressLimit | undefined;
}

/**
 * Lets a request through to a route with a scope only with a key that has it. An address that shows many wrong keys is told so instead of
 * whether they are right, but for those that are.
 */
export const authentication = fp(async (app, { callers, wrongKeys }: AuthenticationOptions) => {
  app.decorateRequest('principal', undefined);
  app.addHook('onRoute', ({ url, config }) => {
    if (url.startsWith('/v1/') && config?.access === undefined) {
      throw new TypeError(`route ${url} does not say who may call it; give it config.access`);
    }
  });
  app.addHook('onRequest', async (request) => {
    const access = request.routeOptions.config.access ?? 'public';
    if (access === 'public') return;
    const principal = await callers.of(request);
    if (!principal) {
      const tooManyMs = await wrongKeys?.(request.ip);
      throw tooManyMs === undefined ? callers.refusal() : tooManyWrongKeys(tooManyMs);
    }
    if (!principal.scopes.has(access)) {
      throw new ProblemError('scope_missing', `This needs a key with the scope "${access}".`, {
        headers: {
          'www-authenticate': `Bearer realm="holdfast", error="insufficient_scope", scope="${access}"`,
        },
      });
    }
    request.principal = principal;
  });
});

function tooManyWrongKeys(forMs: number): ProblemError {
  const seconds = Math.max(1, Math.ceil(forMs / 1_000));
  return new ProblemError(
    'rate_limited',
    `This address has shown more than ${MOST_WRONG_KEYS} wrong API keys within a minute. Check the key, and try again in ${seconds} s.`,
    { headers: { 'retry-after': String(seconds) } },
  );
}

/** For handlers behind a scope. */
export function principalOf(request: FastifyRequest): Principal {
  if (!request.principal) throw new TypeError(`${request.url} is not behind a scope`);
  return request.principal;
}

/** Whoever sent the request, as the audit log names them. */
export function actorOf(request: FastifyRequest): Actor {
  const { name, keyId } = principalOf(request);
  return { name, via: 'api', key: keyId };
}

/** For routes that answer anyone, and operators more. */
export async function mayOperate(callers: Callers, request: FastifyRequest): Promise<boolean> {
  try {
    return (await callers.of(request))?.scopes.has('operate') === true;
  } catch {
    // there is none, or it cannot be told now
    return false;
  }
}
