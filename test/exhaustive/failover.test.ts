import { startRedis, startTcpProxy, type TcpProxy, type TestRedis, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeEach, expect, it } from 'vitest';
import { placeMany } from '../load.ts';
import { useTestSystem } from '../system.ts';

let proxy: TcpProxy;
/** Who looks on sees what the master has, and no socket of theirs misbehaves. */
let onlookers: TcpProxy;
let servers: TestRedis[] = [];
let [master, replica]: (TestRedis | undefined)[] = [];

// after the system has stopped: the hook that was registered first is called last
afterAll(async () => {
  await proxy.close();
  await onlookers.close();
  for (const server of servers) await server.stop();
});
const system = useTestSystem({
  workers: 2,
  async redis() {
    servers = [await startRedis(), await startRedis()];
    [master, replica] = servers;
    proxy = await startTcpProxy(master?.port ?? 0);
    onlookers = await startTcpProxy(master?.port ?? 0);
    return { url: proxy.url, directUrl: onlookers.url };
  },
});
let failed: Error | undefined;
beforeEach(async () => {
  failed = undefined;
  await onRedis(replica, (redis) => redis.replicaof('127.0.0.1', master?.port ?? 0));
  await waitFor(
    () =>
      onRedis(replica, async (redis) => (await redis.info('replication')).includes('master_link_status:up')),
    { what: 'the replica to have all' },
  );
});
afterEach(() => {
  if (failed) throw failed;
});

async function onRedis<T>(server: TestRedis | undefined, act: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(server?.url ?? '');
  try {
    return await act(redis);
  } finally {
    redis.disconnect();
  }
}

/** What happens in the middle of the load; the test fails when it does. */
const inTheMiddle = (act: () => Promise<void>) => () => {
  system().kill('redis', []); // from here on, calls may be made again
  act().catch((error: unknown) => {
    failed = error instanceof Error ? error : new Error(String(error));
  });
};

/** Holds that all went on soon after it, and that the orders were in the middle of it. */
async function expectToGoOn(name: string): Promise<void> {
  const at = system().crashes.at(-1)?.at ?? 0;
  const runs = [...(await system().facts()).runs.values()].filter((run) =>
    run.idempotencyKey.startsWith(name),
  );
  const caught = runs.filter((run) => run.createdAt < at && run.updatedAt > at);
  expect(caught.length).toBeGreaterThan(0);
  expect(Math.max(...caught.map((run) => run.updatedAt - at))).toBeLessThan(10_000);
  const later = runs.filter((run) => run.createdAt > at).map((run) => run.createdAt - at);
  expect(Math.min(...later)).toBeLessThan(10_000);
  expect(await system().violations()).toEqual([]);
}

it('loses and doubles nothing when the master is demoted under load, and sockets still lead to it', async () => {
  const failover = async () => {
    // waits until the replica has all, then swaps the two
    await onRedis(master, (redis) => redis.call('FAILOVER', 'TO', '127.0.0.1', String(replica?.port)));
    await waitFor(() => onRedis(master, async (redis) => (await redis.role())[0] === 'slave'), {
      what: 'the master to be demoted',
    });
    onlookers.leadTo(replica?.port ?? 0);
    onlookers.blackHole();
    onlookers.heal();
    proxy.leadTo(replica?.port ?? 0);
    [master, replica] = [replica, master];
  };
  const statuses = await placeMany(system(), 'failover', { 30: inTheMiddle(failover) });
  expect(new Set(statuses)).toEqual(new Set(['completed', 'failed']));
  await expectToGoOn('failover');
});

it('loses and doubles nothing when all sockets freeze under load', async () => {
  const statuses = await placeMany(system(), 'freeze', { 30: inTheMiddle(async () => proxy.freeze()) });
  expect(new Set(statuses)).toEqual(new Set(['completed', 'failed']));
  await expectToGoOn('freeze');
});
