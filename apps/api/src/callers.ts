import { SCOPES, Tenant } from '@holdfast/operations';
import type { Authenticate } from '@holdfast/project';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { KeyLookup, Principal } from './api-keys.ts';
import { ProblemError } from './problems.ts';

/** Whom requests come from. */
export interface Callers {
  /** @returns undefined for somebody unknown. @throws ProblemError, StoreUnavailableError when it cannot be told */
  of(request: FastifyRequest): Promise<Principal | undefined>;
  /** What somebody unknown is answered. */
  refusal(): ProblemError;
}

/** By the API key that a request carries. */
export function callersByKey(keys: KeyLookup): Callers {
  return {
    of: async (request) => keys.find(bearerKey(request)),
    refusal: () =>
      new ProblemError('api_key_invalid', 'Unknown API key: mistyped, revoked or expired.', {
        headers: { 'www-authenticate': 'Bearer realm="holdfast", error="invalid_token"' },
      }),
  };
}

/** As the project says. */
export function callersBy(authenticate: Authenticate): Callers {
  return {
    async of(request) {
      const caller = await authenticate(request.raw);
      if (!caller) return undefined;
      const read = Known.safeParse(caller);
      if (read.success) return read.data;
      const [fault] = read.error.issues;
      throw new TypeError(
        `authenticate must return { tenant, scopes }: ${fault?.path.join('.') || 'the caller'}: ${fault?.message}`,
      );
    },
    refusal: () => new ProblemError('not_authenticated', 'The request is not authenticated.'),
  };
}

const Known = z.object({
  tenant: Tenant,
  scopes: z.array(z.enum(SCOPES)).transform((scopes) => new Set(scopes)),
  name: z.string().min(1).max(100).default('caller'),
});

function bearerKey(request: FastifyRequest): string {
  const key = /^Bearer +(hf_[\x21-\x7e]+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (key !== undefined) return key;
  throw new ProblemError('api_key_missing', 'Send Authorization: Bearer hf_… with your API key.', {
    headers: { 'www-authenticate': 'Bearer realm="holdfast"' },
  });
}
