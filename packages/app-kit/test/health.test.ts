import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import Fastify from 'fastify';
import { pino } from 'pino';
import { expect, onTestFinished, test } from 'vitest';
import { addHealthRoutes, connectRedis, createMetrics } from '../src/index.ts';

/** Takes connections and never says a word, as a Redis that was stopped or cut off does. */
async function silentServer(): Promise<string> {
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return `redis://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('a Redis that says nothing makes a process unready within 2 s, also one whose commands wait', async () => {
  const redis = connectRedis({ urls: [await silentServer()] }, { for: 'worker' }, pino({ level: 'silent' }));
  const app = Fastify();
  onTestFinished(async () => {
    redis.disconnect();
    await app.close();
  });
  const check = async () => void (await redis.ping());
  addHealthRoutes(app, { check, draining: () => false, metrics: createMetrics('test') });

  const asked = performance.now();
  const answer = await app.inject('/readyz');
  expect(answer.json()).toEqual({ status: 'unavailable', reason: 'redis did not answer within 1.8 s' });
  expect(answer.statusCode).toBe(503);
  expect(performance.now() - asked).toBeLessThan(2_000);
  expect((await app.inject('/livez')).statusCode).toBe(200);
});
