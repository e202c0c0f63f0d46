import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { ConfigError } from '@holdfast/app-kit';
import { expect, test } from 'vitest';
import { readDashboardConfig } from '../src/index.ts';

const GOOD = {
  HOLDFAST_REDIS_URL: 'redis://127.0.0.1:6390',
  HOLDFAST_DASHBOARD_PASSWORD: 'a long enough phrase',
};

test('what is not said has its default', () => {
  expect(readDashboardConfig(GOOD)).toEqual({
    host: '127.0.0.1',
    port: 3001,
    proxy: { basePath: '', trustedProxies: [] },
    redis: { urls: ['redis://127.0.0.1:6390'] },
    accounts: [{ user: 'admin', password: 'a long enough phrase', role: 'admin' }],
    trustedHeader: undefined,
    logLevel: 'info',
  });
});

test('everything that is said counts', () => {
  const said = readDashboardConfig({
    ...GOOD,
    HOLDFAST_HOST: '::1',
    HOLDFAST_DASHBOARD_PORT: '0',
    HOLDFAST_DASHBOARD_USER: 'ada',
    HOLDFAST_DASHBOARD_VIEWER_USER: 'ben',
    HOLDFAST_DASHBOARD_VIEWER_PASSWORD: 'another long phrase',
    HOLDFAST_LOG_LEVEL: 'warn',
  });
  expect(said).toMatchObject({ host: '::1', port: 0, logLevel: 'warn' });
  expect(said.accounts).toEqual([
    { user: 'ada', password: 'a long enough phrase', role: 'admin' },
    { user: 'ben', password: 'another long phrase', role: 'viewer' },
  ]);
});

test.each([
  [{ HOLDFAST_DASHBOARD_VIEWER_USER: 'ben' }, /VIEWER_PASSWORD: .*both .* or neither/],
  [{ HOLDFAST_DASHBOARD_VIEWER_PASSWORD: 'another long phrase' }, /VIEWER_USER: .*both .* or neither/],
  [
    { HOLDFAST_DASHBOARD_VIEWER_USER: 'admin', HOLDFAST_DASHBOARD_VIEWER_PASSWORD: 'another long phrase' },
    /VIEWER_USER: expected another name/,
  ],
  [
    { HOLDFAST_DASHBOARD_VIEWER_USER: 'ben', HOLDFAST_DASHBOARD_VIEWER_PASSWORD: 'viewer1234567' },
    /VIEWER_PASSWORD: .*not easily guessed/,
  ],
])('a viewer that cannot be is refused: %o', (env, fault) => {
  expect(() => readDashboardConfig({ ...GOOD, ...env })).toThrow(fault);
});

test.each([
  undefined,
  '',
  'short',
  'elevenchars',
  'aaaaaaaaaaaaaaaa',
  'password1234',
  'holdfast-2024',
  '123456789012',
])('the password %s is refused', (password) => {
  const read = () => readDashboardConfig({ ...GOOD, HOLDFAST_DASHBOARD_PASSWORD: password });
  expect(read).toThrow(ConfigError);
  expect(read).toThrow(/HOLDFAST_DASHBOARD_PASSWORD: .*at least 12 characters/);
});

const HASH = '$scrypt$ln=12,r=8,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA';

test('several logins have their roles, with a hash or through a proxy', () => {
  const { accounts, trustedHeader } = readDashboardConfig({
    HOLDFAST_REDIS_URL: GOOD.HOLDFAST_REDIS_URL,
    HOLDFAST_DASHBOARD_LOGINS: `cy:admin:${HASH} dan:viewer`,
    HOLDFAST_DASHBOARD_TRUSTED_HEADER: 'X-Forwarded-User',
    HOLDFAST_TRUSTED_PROXIES: '10.0.0.1',
  });
  expect(accounts.map(({ user, role }) => `${user} ${role}`)).toEqual(['cy admin', 'dan viewer']);
  expect(trustedHeader).toBe('x-forwarded-user');
});

test.each([
  [{ HOLDFAST_DASHBOARD_LOGINS: 'cy:boss' }, /LOGINS: expected user:role:hash.*the 1. is not so/],
  [{ HOLDFAST_DASHBOARD_LOGINS: 'cy:admin:plain-password' }, /LOGINS: expected user:role:hash/],
  [{ HOLDFAST_DASHBOARD_LOGINS: `admin:admin:${HASH}` }, /LOGINS: has the user "admin"/],
  [{ HOLDFAST_DASHBOARD_TRUSTED_HEADER: 'X-User' }, /TRUSTED_HEADER: .*set HOLDFAST_TRUSTED_PROXIES/],
  [
    { HOLDFAST_DASHBOARD_TRUSTED_HEADER: 'X User', HOLDFAST_TRUSTED_PROXIES: '10.0.0.1' },
    /TRUSTED_HEADER: expected the name of a header/,
  ],
])('logins that cannot be are refused: %o', (env, fault) => {
  const read = () => readDashboardConfig({ ...GOOD, ...env });
  expect(read).toThrow(fault);
  expect(read).not.toThrow(/plain-password/);
});

async function run(env: Record<string, string>): Promise<{ code: number | null; output: string }> {
  const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
  const child = spawn(process.execPath, [main], { env: { PATH: process.env.PATH ?? '', ...env } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      output += chunk;
    });
  }
  await once(child, 'close');
  return { code: child.exitCode, output };
}

test('the process does not start with faults, and names each', async () => {
  const { code, output } = await run({ HOLDFAST_DASHBOARD_PORT: 'x', HOLDFAST_DASHBOARD_USER: 'a:b' });
  expect(code).toBe(1);
  for (const name of ['DASHBOARD_PORT', 'DASHBOARD_USER', 'DASHBOARD_PASSWORD', 'REDIS_URL']) {
    expect(output).toContain(`HOLDFAST_${name}: `);
  }
  expect(output).not.toMatch(/^\s+at /m);
});

test('a port in use is told with its number and how to choose another', async () => {
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  const { code, output } = await run({ ...GOOD, HOLDFAST_DASHBOARD_PORT: String(port) });
  taken.close();
  expect(code).toBe(1);
  expect(output).toContain(String(port));
  expect(output).toContain('HOLDFAST_DASHBOARD_PORT');
});
