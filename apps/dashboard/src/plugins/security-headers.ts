import fp from 'fastify-plugin';

/** Our own pages: nothing inline, nothing from elsewhere. */
const OURS = [
  "default-src 'none'",
  ...["script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'"],
  ...["form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"],
].join('; ');

/** Bull Board's page has scripts of its own and inline styles, and nothing it needs from elsewhere. */
export const BOARD_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'self'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** A picture brings its own colours along, and can do nothing else, also when it is opened by itself. */
export const PICTURE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; sandbox; frame-ancestors 'none'";

export const securityHeaders = fp(async (app) => {
  app.addHook('onRequest', async (_request, reply) => {
    reply.headers({
      'content-security-policy': OURS,
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      // with 'no-referrer' a browser would not say that a form is from our own page
      'referrer-policy': 'same-origin',
      'cross-origin-opener-policy': 'same-origin',
      'cross-origin-resource-policy': 'same-origin',
    });
  });
  app.addHook('onSend', async (_request, reply) => {
    const type = String(reply.getHeader('content-type') ?? '');
    if (/^(text\/html|application\/json|image\/svg)/.test(type)) reply.header('cache-control', 'no-store');
  });
});
