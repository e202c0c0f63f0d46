import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startRedis, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { send } from './support/test-api.ts';

const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url));

test('the key and the password of Redis are those that their files hold now', async () => {
  const redis = await startRedis();
  const admin = new Redis(redis.url);
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-secrets-'));
  let child: ChildProcess | undefined;
  onTestFinished(async () => {
    child?.kill('SIGKILL');
    admin.disconnect();
    await redis.stop();
    await rm(dir, { recursive: true, force: true });
  });
  const [keyFile, redisFile] = [join(dir, 'key'), join(dir, 'redis')];
  const withPassword = (password: string) => redis.url.replace('//', `//:${password}@`);
  await admin.config('SET', 'requirepass', 'one');
  await writeFile(keyFile, 'hf_first_0123456789abcdef\n');
  await writeFile(redisFile, withPassword('one'));

  let output = '';
  const api = spawn(process.execPath, [MAIN], {
    env: {
      PATH: process.env.PATH ?? '',
      HOLDFAST_API_PORT: '0',
      HOLDFAST_DEV_KEY_FILE: keyFile,
      HOLDFAST_REDIS_URL_FILE: redisFile,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child = api;
  api.stdout.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  const url = await waitFor(() => /"url":"(http:[^"]+)"/.exec(output)?.[1], { what: 'the address' });
  const statusWith = async (key: string) =>
    (await send(url, { path: '/v1/runs', headers: { authorization: `Bearer ${key}` } })).status;
  await waitFor(async () => (await statusWith('hf_first_0123456789abcdef')) === 200, { what: 'Redis' });

  await writeFile(keyFile, 'hf_second_0123456789abcdef\n');
  await waitFor(async () => (await statusWith('hf_second_0123456789abcdef')) === 200, {
    what: 'the new key',
    timeoutMs: 10_000,
  });
  expect(await statusWith('hf_first_0123456789abcdef')).toBe(401);

  // one that cannot be used changes nothing, and is not shown
  await writeFile(keyFile, 'hf_bad\n');
  await waitFor(() => output.includes('cannot be used'), { what: 'the message', timeoutMs: 10_000 });
  expect(await statusWith('hf_second_0123456789abcdef')).toBe(200);
  expect(output).toContain('HOLDFAST_DEV_KEY_FILE');
  expect(output).not.toContain('hf_bad');
  await writeFile(keyFile, 'hf_second_0123456789abcdef\n');

  const uses = () => output.split('its new content is in use').length;
  const before = uses();
  await admin.call('ACL', 'SETUSER', 'default', '>two');
  await writeFile(redisFile, withPassword('two'));
  await waitFor(() => uses() > before && /"variable":"HOLDFAST_REDIS_URL_FILE"/.test(output), {
    what: 'the new password to be used',
    timeoutMs: 10_000,
  });
  await admin.call('ACL', 'SETUSER', 'default', '<one');
  await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await waitFor(async () => (await statusWith('hf_second_0123456789abcdef')) === 200, {
    what: 'the API to be connected again',
    timeoutMs: 10_000,
  });
}, 60_000);
