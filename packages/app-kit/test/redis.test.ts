import { startRedis, startTcpProxy, type TcpProxy, type TestRedis, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterEach, expect, it } from 'vitest';
import { connectRedis, createLogger } from '../src/index.ts';

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
    [url],
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
