import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  freePort,
  startRedis,
  startTcpProxy,
  type TcpProxy,
  type TestRedis,
  waitFor,
} from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { connectRedis, createLogger, readConfig, redisSettings, redisVariables } from '../src/index.ts';

const log = createLogger('test', 'silent');
const open: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).toReversed()) await close();
});

async function server(settings: readonly string[] = []): Promise<TestRedis> {
  const redis = await startRedis(settings);
  open.push(() => redis.stop());
  return redis;
}

async function proxyTo(redis: TestRedis): Promise<TcpProxy> {
  const proxy = await startTcpProxy(redis.port);
  open.push(() => proxy.close());
  return proxy;
}

function connect(url: string, use: 'worker' | 'api') {
  const connection = connectRedis(
    { urls: [url] },
    use === 'api' ? { for: use, commandTimeoutMs: 1_000 } : { for: use },
    log,
  );
  open.push(() => connection.disconnect());
  return connection;
}

const works = (connection: ReturnType<typeof connect>) =>
  waitFor(() => connection.set('k', 'v').catch(() => undefined), {
    what: 'a write to be taken',
    timeoutMs: 10_000,
  });

it.each(['worker', 'api'] as const)(
  'a socket to a master that was demoted is left for the new one (%s)',
  async (use) => {
    const [former, next] = [await server(), await server()];
    const proxy = await proxyTo(former);
    const connection = connect(proxy.url, use);
    await works(connection);
    proxy.leadTo(next.port);
    const direct = new Redis(former.url);
    await direct.replicaof('127.0.0.1', next.port);
    direct.disconnect();
    await works(connection);
    const there = new Redis(next.url);
    expect(await there.get('k')).toBe('v');
    there.disconnect();
  },
);

it.each(['worker', 'api'] as const)('a socket that nothing comes back from is ended (%s)', async (use) => {
  const proxy = await proxyTo(await server());
  const connection = connect(proxy.url, use);
  await works(connection);
  proxy.freeze();
  await works(connection);
});

describe('the ways to where Redis is', () => {
  const folder = () => {
    const made = mkdtempSync(join(tmpdir(), 'holdfast-redis-ways-'));
    open.push(() => rmSync(made, { recursive: true }));
    return made;
  };

  it('a Unix socket', async () => {
    const socket = join(folder(), 'redis.sock');
    await server(['--unixsocket', socket]);
    await works(connect(`unix://${socket}`, 'api'));
  });

  it('an own certificate authority and a client certificate', async () => {
    const made = folder();
    const file = (name: string) => join(made, name);
    const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' });
    const subject = (name: string) => ['-nodes', '-newkey', 'rsa:2048', '-days', '2', '-subj', `/CN=${name}`];
    openssl('req', '-x509', ...subject('ca'), '-keyout', file('ca.key'), '-out', file('ca.pem'));
    for (const name of ['server', 'client'])
      openssl(
        ...['req', '-x509', ...subject(name), '-CA', file('ca.pem'), '-CAkey', file('ca.key')],
        ...['-addext', 'subjectAltName=IP:127.0.0.1', '-addext', 'basicConstraints=CA:FALSE'],
        ...['-keyout', file(`${name}.key`), '-out', file(`${name}.pem`)],
      );
    const port = await freePort();
    await server(
      [
        '--tls-port',
        String(port),
        '--tls-cert-file',
        file('server.pem'),
        '--tls-key-file',
        file('server.key'),
      ].concat(['--tls-ca-cert-file', file('ca.pem')]),
    );
    const env = {
      HOLDFAST_REDIS_URL: `rediss://127.0.0.1:${port}`,
      HOLDFAST_REDIS_TLS_CA: file('ca.pem'),
      HOLDFAST_REDIS_TLS_CERT: file('client.pem'),
      HOLDFAST_REDIS_TLS_KEY: file('client.key'),
    };
    const settings = redisSettings(readConfig(redisVariables, env));
    const connection = connectRedis(settings, { for: 'worker' }, log);
    open.push(() => connection.disconnect());
    await works(connection);
    const half = { ...env, HOLDFAST_REDIS_TLS_KEY: undefined };
    expect(() => redisSettings(readConfig(redisVariables, half))).toThrow(
      'HOLDFAST_REDIS_TLS_KEY: is missing',
    );
    const plain = { ...env, HOLDFAST_REDIS_URL: 'redis://127.0.0.1:1' };
    expect(() => redisSettings(readConfig(redisVariables, plain))).toThrow('did you mean rediss://');
    const none = { ...env, HOLDFAST_REDIS_TLS_CA: file('none.pem') };
    expect(() => readConfig(redisVariables, none)).toThrow(
      'HOLDFAST_REDIS_TLS_CA: expected a file that can be read',
    );
  });

  it('sentinels, also after they have made another server the master', async () => {
    const [master, replica] = [await server(), await server()];
    const admin = new Redis(replica.url);
    open.push(() => admin.disconnect());
    await admin.replicaof('127.0.0.1', master.port);
    const made = folder();
    const ports = [await freePort(), await freePort(), await freePort()];
    for (const port of ports) {
      const file = join(made, `${port}.conf`);
      const lines = [
        ...[`port ${port}`, 'bind 127.0.0.1', `sentinel monitor shop 127.0.0.1 ${master.port} 2`],
        ...['sentinel down-after-milliseconds shop 500', 'sentinel failover-timeout shop 3000'],
      ];
      writeFileSync(file, lines.join('\n'));
      const sentinel = spawn('redis-server', [file, '--sentinel'], { stdio: 'ignore' });
      open.push(() => sentinel.kill('SIGKILL'));
    }
    const hosts = ports.map((port) => `127.0.0.1:${port}`).join(',');
    const connection = connect(`redis+sentinel://${hosts}/shop`, 'worker');
    await works(connection);
    const onlooker = new Redis(ports[0] ?? 0);
    open.push(() => onlooker.disconnect());
    await waitFor(
      async () => {
        const [found] = (await onlooker.call('SENTINEL', 'replicas', 'shop')) as string[][];
        const [state] = (await onlooker.call('SENTINEL', 'masters')) as string[][];
        return found && state?.[state.indexOf('num-other-sentinels') + 1] === '2';
      },
      { what: 'the sentinels to know each other and the replica', timeoutMs: 15_000 },
    );
    await master.kill('SIGKILL');
    await waitFor(() => connection.set('after', '1').then(() => admin.get('after')), {
      what: 'a write to the new master',
      timeoutMs: 25_000,
    });
  }, 60_000);
});
