import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startRedis, waitFor } from '@holdfast/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { hashPassword } from '../src/index.ts';
import { basic } from './support/test-dashboard.ts';

test('a login is the one that its file holds now', async () => {
  const redis = await startRedis();
  const dir = await mkdtemp(join(tmpdir(), 'holdfast-secrets-'));
  const [passwordFile, loginsFile] = [join(dir, 'password'), join(dir, 'logins')];
  await writeFile(passwordFile, 'a first long phrase\n');
  await writeFile(loginsFile, `cy:admin:${await hashPassword('cy has a phrase')}\n`);
  const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
  const child = spawn(process.execPath, [main], {
    env: {
      PATH: process.env.PATH ?? '',
      HOLDFAST_DASHBOARD_PORT: '0',
      HOLDFAST_REDIS_URL: redis.url,
      HOLDFAST_DASHBOARD_PASSWORD_FILE: passwordFile,
      HOLDFAST_DASHBOARD_LOGINS_FILE: loginsFile,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await redis.stop();
    await rm(dir, { recursive: true, force: true });
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk;
  });
  const url = await waitFor(() => /"url":"(http:[^"]+)"/.exec(output)?.[1], {
    what: 'the address',
    timeoutMs: 20_000,
  });
  await waitFor(async () => (await fetch(`${url}/readyz`)).status === 200, { what: 'Redis' });
  const statusOf = async (user: string, password: string) =>
    (await fetch(`${url}/runs`, { headers: { authorization: basic(user, password) } })).status;
  expect(await statusOf('admin', 'a first long phrase')).toBe(200);
  expect(await statusOf('cy', 'cy has a phrase')).toBe(200);
  expect(await statusOf('dan', 'dan has a phrase')).toBe(401);

  await writeFile(passwordFile, 'a second long phrase\n');
  await writeFile(loginsFile, `dan:viewer:${await hashPassword('dan has a phrase')}\n`);
  await waitFor(() => output.split('its new content is in use').length === 3, {
    what: 'both files to be read again',
    timeoutMs: 10_000,
  });
  expect(await statusOf('admin', 'a second long phrase')).toBe(200);
  expect(await statusOf('admin', 'a first long phrase')).toBe(401);
  expect(await statusOf('dan', 'dan has a phrase')).toBe(200);
  // also one that was right a moment ago
  expect(await statusOf('cy', 'cy has a phrase')).toBe(401);
  expect(output).not.toContain('long phrase');
}, 60_000);
