// Holdfast inside an Express server: its API below /hf, behind the server's own logins, and a worker in the same process.
// Needs a Redis at HOLDFAST_REDIS_URL.
import { once } from 'node:events';
import express from 'express';
import { createRequestHandler, startWorker } from 'holdfast';
import config from './holdfast.config.mjs';

const users = new Map([['Bearer ada-secret', 'ada']]);

const holdfast = createRequestHandler(config, {
  authenticate(request) {
    const tenant = users.get(request.headers.authorization);
    return tenant && { tenant, name: tenant, scopes: ['submit', 'read', 'signal'] };
  },
});

const app = express();
app.use('/hf', holdfast); // before express.json(): Holdfast reads bodies itself
app.use(express.json());
app.post('/echo', (request, response) => response.json(request.body));

const worker = await startWorker(config);
const server = app.listen(Number(process.env.PORT ?? 8080), '127.0.0.1');
await once(server, 'listening');
console.log(`http://127.0.0.1:${server.address().port}`);

process.once('SIGTERM', async () => {
  server.close();
  await holdfast.close();
  await worker.stop();
});
