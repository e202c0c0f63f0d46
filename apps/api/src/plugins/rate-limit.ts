import fp from 'fastify-plugin';
import { ProblemError } from '../problems.ts';
import { type TenantLimit, WINDOW_S } from '../tenant-limit.ts';

/** Answers 429 to a tenant that sends more requests than it may, and tells each how many are left. */
export const rateLimit = fp(async (app, { limit }: { readonly limit: TenantLimit | undefined }) => {
  if (!limit) return;
  app.addHook('preParsing', async (request, reply) => {
    if (!request.principal) return;
    const taken = await limit(request.principal.tenant);
    if (!taken) return;
    const seconds = Math.max(1, Math.ceil(taken.resetMs / 1_000));
    const headers = {
      'ratelimit-policy': `"tenant";q=${taken.limit};w=${WINDOW_S}`,
      ratelimit: `"tenant";r=${taken.remaining};t=${seconds}`,
    };
    reply.headers(headers);
    if (taken.allowed) return;
    throw new ProblemError(
      'rate_limited',
      `This tenant may send ${taken.limit} requests in ${WINDOW_S} s. Retry in ${seconds} s.`,
      { headers: { ...headers, 'retry-after': String(seconds) } },
    );
  });
});
