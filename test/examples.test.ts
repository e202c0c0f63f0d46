import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { startRedis, type TestRedis } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';

const KEY = 'hf_local_0123456789abcdef';
const started: ChildProcess[] = [];
let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(async () => {
  for (const child of started) child.kill('SIGKILL');
  await redis.stop();
});

async function startExample(name: string): Promise<{ readonly url: string; readonly child: ChildProcess }> {
  const child = spawn(process.execPath, ['server.mjs'], {
    cwd: fileURLToPath(new URL(`../examples/${name}`, import.meta.url)),
    env: {
      ...process.env,
      PORT: '0',
      HOLDFAST_REDIS_URL: redis.url,
      HOLDFAST_DEV_KEY: KEY,
      HOLDFAST_LOG_LEVEL: 'error',
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started.push(child);
  const [line] = await once(child.stdout, 'data');
  return { url: String(line).trim(), child };
}

test.each([
  ['express', 'Bearer ada-secret'],
  ['fastify', `Bearer ${KEY}`],
])('examples/%s serves the API below /hf, runs its flow, and ends by itself', async (name, authorization) => {
  const { url, child } = await startExample(name);
  const submit = (headers: Record<string, string>) =>
    fetch(`${url}/hf/v1/flows/hello/runs`, {
      method: 'POST',
      headers: { authorization, 'content-type': 'application/json', 'idempotency-key': name, ...headers },
      body: '{"name":"Ada"}',
    });
  const done = await submit({ prefer: 'wait=15' });
  if (done.status !== 200) console.error(await done.text());
  expect(done.status).toBe(200);
  expect(done.headers.get('location')).toMatch(/^\/hf\/v1\/runs\/run_/);
  expect(await done.json()).toMatchObject({ status: 'completed', output: { greeting: 'Hello, Ada!' } });
  expect((await submit({ authorization: 'Bearer nobody' })).status).toBe(401);

  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
});
