import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance } from 'fastify';
import type { openApiDocument } from '../openapi/document.ts';
import { PROBLEMS } from '../problems.ts';

export interface DocsOptions {
  readonly document: ReturnType<typeof openApiDocument>;
}

/** `/openapi.json`, `/docs` for people, and `/docs/errors`, which every problem's `type` points to. No external requests. */
export async function docsRoutes(app: FastifyInstance, { document }: DocsOptions): Promise<void> {
  app.get('/openapi.json', async () => document);
  app.get('/docs/errors', async (_request, reply) => {
    reply.header('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'");
    return reply.type('text/html; charset=utf-8').send(errorsPage(app.basePath));
  });
  // A copy: the plugin changes what it is given. Its types know OpenAPI 3.0 only.
  const copy = JSON.parse(JSON.stringify(document));
  await app.register(swagger, { mode: 'static', specification: { document: copy } });
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    indexPrefix: app.basePath,
    logLevel: 'warn',
    staticCSP: true,
    theme: { title: 'Holdfast API' },
    uiConfig: { layout: 'BaseLayout', tryItOutEnabled: true },
  });
}

const errorsPage = (basePath: string) => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Errors · Holdfast API</title>
<style>
  :root { color-scheme: light dark; }
  body { max-width: 48rem; margin: 0 auto; padding: 24px 16px; font: 15px/22px system-ui, sans-serif; }
  code { font-family: ui-monospace, monospace; }
  section { border-top: 1px solid color-mix(in srgb, currentColor 20%, transparent); padding: 12px 0; }
  section:target { border-top: 2px solid; }
  h2 { font-size: 15px; margin: 0; }
  p { margin: 4px 0; }
</style>
<h1>Errors</h1>
<p>Every error is <code>application/problem+json</code> with a stable <code>code</code>. <a href="${basePath}/docs">The API</a></p>
${Object.entries(PROBLEMS)
  .map(
    ([code, { status, title, advice }]) => `<section id="${code}">
  <h2><code>${code}</code> · ${status}</h2>
  <p>${title}.</p>
  <p>${advice}</p>
</section>`,
  )
  .join('\n')}
</html>
`;
