import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { providersEnv } from '@holdfast/sandbox';
import { waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { startSandboxProcess, startWorkerProcesses } from './processes.ts';
import { orders, redisForTest } from './system.ts';

async function tempDir(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-secrets-'));
  onTestFinished(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** A payment provider that declines all charges, and remembers by which key they came. */
async function decliningPayments(): Promise<{ readonly url: string; readonly keys: Set<string> }> {
  const keys = new Set<string>();
  const server = createServer((request, response) => {
    keys.add(String(request.headers.authorization));
    response.writeHead(402, { 'content-type': 'application/json' });
    response.end(
      JSON.stringify({
        error: { type: 'card_error', code: 'card_declined', message: 'Your card was declined.' },
      }),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}`, keys };
}

async function clientIds(admin: Redis): Promise<string[]> {
  return [...String(await admin.client('LIST')).matchAll(/^id=(\d+)/gm)].map(([, id = '']) => id);
}

test('a worker uses the key of a provider that its file holds now', async () => {
  const redis = await redisForTest();
  const file = join(await tempDir(), 'payment-key');
  await writeFile(file, 'sk_test_old\n');
  const payments = await decliningPayments();
  const { HOLDFAST_PAYMENT_KEY: _, ...env } = providersEnv({
    url: 'http://127.0.0.1:1',
    smtpUrl: 'smtp://127.0.0.1:1',
  });
  await startWorkerProcesses(1, {
    ...env,
    HOLDFAST_REDIS_URL: redis.url,
    HOLDFAST_PAYMENT_URL: payments.url,
    HOLDFAST_PAYMENT_KEY_FILE: file,
  });
  const { submit, ended } = orders(redis.url);
  expect((await ended(await submit('first'))).status).toBe('failed');
  expect([...payments.keys]).toEqual(['Bearer sk_test_old']);

  await writeFile(file, 'sk_test_new\n');
  let count = 0;
  await waitFor(
    async () => {
      count += 1;
      await ended(await submit(`later-${count}`));
      return payments.keys.has('Bearer sk_test_new');
    },
    { what: 'a charge by the new key', timeoutMs: 20_000 },
  );
  payments.keys.clear();
  await ended(await submit('last'));
  expect([...payments.keys]).toEqual(['Bearer sk_test_new']);
}, 40_000);

test('a worker logs in at Redis with the password that its file holds now', async () => {
  const redis = await redisForTest();
  const admin = new Redis(redis.url);
  onTestFinished(() => admin.disconnect());
  const dir = await tempDir();
  const file = join(dir, 'redis-url');
  const withPassword = (password: string) => redis.url.replace('//', `//:${password}@`);
  await admin.config('SET', 'requirepass', 'one');
  await writeFile(file, withPassword('one'));
  const sandbox = await startSandboxProcess(dir);
  await startWorkerProcesses(1, { ...providersEnv(sandbox), HOLDFAST_REDIS_URL_FILE: file });
  const { submit, ended } = orders(withPassword('one'));
  expect((await ended(await submit('before'))).status).toBe('completed');

  // both hold while the change goes around, then only the new one, and nobody stays connected
  const ours = await clientIds(admin);
  await admin.call('ACL', 'SETUSER', 'default', '>two');
  await writeFile(file, withPassword('two'));
  await waitFor(async () => (await clientIds(admin)).filter((id) => !ours.includes(id)).length >= 3, {
    what: 'the worker to start anew',
    timeoutMs: 30_000,
  });
  await admin.call('ACL', 'SETUSER', 'default', '<one');
  await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  const later = orders(withPassword('two'));
  expect((await later.ended(await later.submit('after'), 30_000)).status).toBe('completed');
}, 90_000);
