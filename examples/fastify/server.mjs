// Holdfast inside a Fastify server: its API below /hf, and a worker in the same process.
// Needs a Redis at HOLDFAST_REDIS_URL and an API key in HOLDFAST_DEV_KEY.
import fastify from 'fastify';
import { createRequestHandler, startWorker } from 'holdfast';
import config from './holdfast.config.mjs';

const holdfast = createRequestHandler(config);

const app = fastify({ forceCloseConnections: true });
app.get('/', async () => ({ hello: 'world' }));
app.register(async (scope) => {
  // Holdfast reads bodies itself
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null));
  scope.all('/hf/*', (request, reply) => {
    reply.hijack();
    const { raw } = request;
    raw.originalUrl = raw.url;
    raw.url = raw.url.slice('/hf'.length);
    holdfast(raw, reply.raw);
  });
});

const worker = await startWorker(config);
console.log(await app.listen({ port: Number(process.env.PORT ?? 8080), host: '127.0.0.1' }));

process.once('SIGTERM', async () => {
  await holdfast.close();
  await app.close();
  await worker.stop();
});
