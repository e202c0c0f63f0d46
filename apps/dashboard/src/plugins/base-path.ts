import { basePathOf } from '@holdfast/app-kit';
import fp from 'fastify-plugin';

/** An address in our own markup: it begins with a slash. What comes from data has no quotes left (they are escaped). */
const ADDRESS = /\b(href|src|srcset|action|data-events)="(?=\/)/g;

/** Puts the path below which clients reach the dashboard before every address that its pages and redirects lead to. */
export const belowBasePath = fp(async (app, { basePath }: { readonly basePath: string }) => {
  app.addHook('onSend', async (request, reply, payload) => {
    const below = basePathOf(request.raw, basePath);
    if (below === '') return payload;
    const location = reply.getHeader('location');
    if (typeof location === 'string' && location.startsWith('/'))
      reply.header('location', `${below}${location}`);
    const page = String(reply.getHeader('content-type') ?? '').startsWith('text/html');
    // Bull Board is told where it is
    if (!page || request.url.startsWith('/queues') || typeof payload !== 'string') return payload;
    return payload.replaceAll(ADDRESS, `$1="${below}`);
  });
});
