import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RedisConnection } from '@holdfast/redis';
import { freePort, startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { checkRedis, connectRedis, OperatorError, Preflight, type PreflightSettings } from '../src/index.ts';

const STRICT: PreflightSettings = { durability: 'strict', attest: undefined };
const STANDARD: PreflightSettings = { durability: 'standard', attest: undefined };
const silent = pino({ level: 'silent' });

function connect(url: string, use: 'worker' | 'api' = 'api'): RedisConnection {
  const connection = connectRedis(
    { urls: [url] },
    use === 'api' ? { for: 'api', commandTimeoutMs: 1500 } : { for: 'worker' },
    silent,
  );
  onTestFinished(() => connection.disconnect());
  return connection;
}

async function ready(url: string): Promise<RedisConnection> {
  const connection = connect(url);
  await waitFor(() => connection.status === 'ready', { what: 'the connection' });
  return connection;
}

function preflight(connection: RedisConnection, settings: PreflightSettings, log = silent): Preflight {
  const started = new Preflight({ connection, log, everyMs: 20, ...settings });
  onTestFinished(() => started.stop());
  return started;
}

async function withRedis(settings: readonly string[]): Promise<TestRedis> {
  const redis = await startRedis(settings);
  onTestFinished(() => redis.stop());
  return redis;
}

async function asAdmin(url: string, ...commands: readonly (readonly [string, ...string[]])[]): Promise<void> {
  const admin = new Redis(url);
  for (const [name, ...args] of commands) await admin.call(name, ...args);
  admin.disconnect();
}

/** Who takes what is logged, as its level and text. */
function recorder(): { readonly log: typeof silent; readonly lines: string[] } {
  const lines: string[] = [];
  const write = (line: string) => {
    const { level, msg } = JSON.parse(line);
    lines.push(`${pino.levels.labels[level]}: ${msg}`);
  };
  return { log: pino({ level: 'info' }, { write }), lines };
}

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.stop());

describe('a real Redis', () => {
  test("with the tests' own settings has nothing wrong", async () => {
    expect(await checkRedis(await ready(redis.url), STRICT)).toEqual([]);
  });

  test.each([
    [['--appendonly', 'no'], ['appendonly no']],
    [['--appendfsync', 'everysec'], ['appendfsync everysec']],
    [['--no-appendfsync-on-rewrite', 'yes'], ['no-appendfsync-on-rewrite yes']],
    [['--maxmemory-policy', 'allkeys-lru', '--maxmemory', '100mb'], ['maxmemory-policy allkeys-lru']],
    [
      ['--appendonly', 'no', '--maxmemory-policy', 'volatile-ttl'],
      ['maxmemory-policy volatile-ttl', 'appendonly no'],
    ],
  ])('started with %j tells it', async (settings, told) => {
    const { url } = await withRedis(settings);
    const findings = await checkRedis(await ready(url), STRICT);
    expect(findings.map(({ setting, value }) => `${setting} ${value}`)).toEqual(told);
  });

  test('that is a replica tells whom it follows', async () => {
    const replica = await withRedis(['--replicaof', `127.0.0.1 ${redis.port}`]);
    const connection = await ready(replica.url);
    expect(await checkRedis(connection, STRICT)).toMatchObject([
      { gravity: 'unusable', setting: 'role', fix: `HOLDFAST_REDIS_URL=redis://127.0.0.1:${redis.port}` },
    ]);
  });

  test('that is full is in trouble, but no reason not to start', async () => {
    const { url } = await withRedis(['--maxmemory', '3mb']);
    const filler = new Redis(url);
    const fill = async () => {
      for (;;) await filler.rpush('filler', 'x'.repeat(100_000));
    };
    await expect(fill()).rejects.toThrow('OOM');
    filler.disconnect();
    expect(await checkRedis(await ready(url), STRICT)).toMatchObject([
      { gravity: 'trouble', setting: 'used_memory' },
    ]);
  });
});

test('the Redis of docker-compose.yml has nothing wrong', async () => {
  const compose = readFileSync(new URL('../../../docker-compose.yml', import.meta.url), 'utf8');
  const command = /^ {2}redis:\n[\s\S]*? {4}command:\n((?: {6}- .*\n)+)/m.exec(compose)?.[1] ?? '';
  const [server = '', ...args] = [...command.matchAll(/- "?(.*?)"?$/gm)].map(([, arg = '']) => arg);
  const [port, dir] = [await freePort(), mkdtempSync(join(tmpdir(), 'holdfast-compose-'))];
  const here = ['--port', String(port), '--bind', '127.0.0.1', '--dir', dir];
  const child = spawn(server, [...args, ...here], { stdio: 'ignore' });
  onTestFinished(async () => {
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
    rmSync(dir, { recursive: true });
  });
  expect(await checkRedis(await ready(`redis://127.0.0.1:${port}`), STRICT)).toEqual([]);
});

test('each master of a cluster is asked, and all keys that scripts touch together are in one slot', async () => {
  const node = await withRedis([
    ...['--cluster-enabled', 'yes', '--cluster-port', String(await freePort())],
    ...['--cluster-announce-ip', '127.0.0.1'],
  ]);
  await asAdmin(node.url, ['CLUSTER', 'ADDSLOTSRANGE', '0', '16383'], ['CONFIG', 'SET', 'appendfsync', 'no']);
  const cluster = connectRedis({ urls: [node.url, node.url] }, { for: 'worker' }, silent);
  onTestFinished(() => cluster.disconnect());
  await waitFor(() => cluster.status === 'ready', { what: 'the cluster' });
  expect(await checkRedis(cluster, STRICT)).toMatchObject([
    { node: `127.0.0.1:${node.port}`, setting: 'appendfsync', value: 'no' },
  ]);
});

describe('where CONFIG is forbidden', () => {
  let url: string;
  beforeAll(async () => {
    await asAdmin(redis.url, ['ACL', 'SETUSER', 'app', 'on', '>secret', '~{hf0}*', '+@all', '-config']);
    url = redis.url.replace('//', '//app:secret@');
  });

  test('what is not told counts as a loss', async () => {
    expect(await checkRedis(await ready(url), STRICT)).toMatchObject([
      { gravity: 'loss', setting: 'appendfsync', value: 'unknown: CONFIG is not allowed' },
    ]);
  });

  test('somebody may vouch for it; that is shown', async () => {
    const attest = 'ops, 2026-03: appendfsync always, checked by hand';
    const checked = preflight(await ready(url), { durability: 'strict', attest });
    await checked.admitted;
    expect(checked.report).toMatchObject({ state: 'admitted', attest, findings: [] });
  });

  test('one that may not run scripts, or not on our keys, or not be asked at all, cannot be used', async () => {
    const user = async (name: string, ...rules: string[]) => {
      await asAdmin(redis.url, ['ACL', 'SETUSER', name, 'on', '>secret', ...rules]);
      const findings = await checkRedis(await ready(redis.url.replace('//', `//${name}:secret@`)), STRICT);
      return findings.map(({ gravity, setting }) => `${gravity} ${setting}`);
    };
    expect(await user('noscripts', '~{hf0}*', '+@all', '-@scripting')).toEqual(['unusable scripts']);
    expect(await user('otherkeys', '~{hf1}*', '+@all')).toEqual(['unusable scripts']);
    expect(await user('silent', '~{hf0}*', '+@all', '-time')).toEqual(['unusable access']);
  });
});

describe('a process', () => {
  test('starts with a good Redis', async () => {
    const checked = preflight(connect(redis.url), STRICT);
    expect(() => checked.assertAdmitted()).toThrow('not been reached');
    await checked.firstTry();
    checked.assertAdmitted();
    expect(checked.report).toMatchObject({ state: 'admitted', durability: 'strict', findings: [] });
    expect(checked.report.checkedAt).toMatch(/Z$/);
  });

  test('does not start with one that could lose runs, and says why', async () => {
    const { url, port } = await withRedis(['--appendfsync', 'everysec']);
    const checked = preflight(connect(url), STRICT);
    const refusal = await checked.firstTry().catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(OperatorError);
    expect(String(refusal)).toContain(`redis 127.0.0.1:${port}: appendfsync is everysec`);
    expect(String(refusal)).toContain('CONFIG SET appendfsync always');
    expect(() => checked.assertAdmitted()).toThrow('not good enough');
    await expect(checked.admitted).rejects.toBe(refusal);
  });

  test('starts with such a one where that is accepted, and says so once', async () => {
    const { url } = await withRedis(['--appendfsync', 'everysec']);
    const { log, lines } = recorder();
    const checked = preflight(connect(url), STANDARD, log);
    await checked.firstTry();
    checked.assertAdmitted();
    const { checkedAt } = checked.report;
    await waitFor(() => checked.report.checkedAt !== checkedAt, { what: 'another check' });
    expect(lines).toEqual([
      expect.stringMatching(
        /^warn: redis .*appendfsync is everysec.*HOLDFAST_DURABILITY=standard accepts that/,
      ),
    ]);
  });

  test('never starts with a replica', async () => {
    const replica = await withRedis(['--replicaof', `127.0.0.1 ${redis.port}`]);
    await expect(preflight(connect(replica.url), STANDARD).firstTry()).rejects.toThrow(
      /cannot be used.*role/s,
    );
  });

  test.each(['api', 'worker'] as const)('of kind %s waits for a Redis that is away', async (use) => {
    const late = await withRedis([]);
    await late.kill();
    const checked = preflight(connect(late.url, use), STRICT);
    await checked.firstTry();
    expect(checked.report.state).toBe('unknown');
    await late.start();
    await checked.admitted;
    checked.assertAdmitted();
  });

  test('refuses one that comes late and is not good enough', async () => {
    const late = await withRedis(['--maxmemory-policy', 'allkeys-random']);
    await late.kill();
    const checked = preflight(connect(late.url), STRICT);
    await checked.firstTry();
    await late.start();
    await expect(checked.admitted).rejects.toThrow('maxmemory-policy is allkeys-random');
  });
});

describe('while running', () => {
  test.each([
    [
      'a changed eviction policy',
      [['CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru']],
      [['CONFIG', 'SET', 'maxmemory-policy', 'noeviction']],
      'maxmemory-policy',
    ],
    ['a demotion', [['REPLICAOF', '127.0.0.1', '1']], [['REPLICAOF', 'NO', 'ONE']], 'role'],
  ] as const)('%s is logged once, shown, and logged when fixed', async (_what, wrong, right, setting) => {
    const own = await withRedis([]);
    const { log, lines } = recorder();
    const checked = preflight(connect(own.url), STRICT, log);
    await checked.admitted;

    await asAdmin(own.url, ...wrong);
    const { checkedAt } = await waitFor(() => checked.report.findings.length > 0 && checked.report, {
      what: 'the finding',
    });
    await waitFor(() => checked.report.checkedAt !== checkedAt, { what: 'another check' });
    expect(checked.report).toMatchObject({ state: 'admitted', findings: [{ setting }] });

    await asAdmin(own.url, ...right);
    await waitFor(() => checked.report.findings.length === 0, { what: 'it to be fixed' });
    expect(lines).toEqual([
      expect.stringMatching(new RegExp(`^error: redis .*: ${setting} is `)),
      expect.stringMatching(new RegExp(`^info: redis .*: ${setting} is fixed`)),
    ]);
  });

  test('a Redis that comes back is looked at at once', async () => {
    const own = await withRedis([]);
    const connection = connect(own.url);
    const checked = new Preflight({ connection, log: silent, everyMs: 3_600_000, ...STRICT });
    onTestFinished(() => checked.stop());
    await checked.admitted;
    const { checkedAt } = checked.report;
    await own.kill('SIGKILL');
    await own.start();
    await waitFor(() => checked.report.checkedAt !== checkedAt, { what: 'a check after its return' });
  });
});

describe('a Redis that refuses us', () => {
  test.each(['worker', 'api'] as const)(
    'is a reason not to start, said at once: a wrong password (%s)',
    async (use) => {
      const redis = await withRedis([]);
      await asAdmin(redis.url, ['CONFIG', 'SET', 'requirepass', 'right']);
      const started = preflight(connect(redis.url.replace('//', '//:wrong@'), use), STANDARD);
      const refusal = await started.admitted.catch((error: unknown) => error);
      expect(refusal).toBeInstanceOf(OperatorError);
      expect(String(refusal)).toContain('WRONGPASS');
      expect(String(refusal)).toContain('percent-encode');
      expect(String(refusal)).not.toContain('wrong@');
      expect(started.report.state).toBe('refused');
    },
  );

  test('no password where one is asked for', async () => {
    const redis = await withRedis([]);
    await asAdmin(redis.url, ['CONFIG', 'SET', 'requirepass', 'right']);
    const started = preflight(connect(redis.url, 'worker'), STANDARD);
    await expect(started.admitted).rejects.toThrow('NOAUTH');
  });

  test('a user who may not do what is needed', async () => {
    const redis = await withRedis([]);
    await asAdmin(redis.url, [
      'ACL',
      'SETUSER',
      'app',
      'on',
      '>pw',
      '~*',
      '+ping',
      '+hello',
      '+auth',
      '+client',
    ]);
    const started = preflight(connect(redis.url.replace('//', '//app:pw@'), 'worker'), STANDARD);
    await expect(started.admitted).rejects.toThrow('NOPERM');
  });
});
