import { startRedis, startTcpProxy, type TcpProxy, type TestRedis, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';

/** A master and its replica, each a process of its own, that the system reaches through a proxy. */
export interface RedisPair {
  /** Between the system and the master; it can be made to misbehave. */
  readonly proxy: TcpProxy;
  /** The way of those who look on. It leads to the master as well, and no socket of it misbehaves. */
  readonly onlookers: TcpProxy;
  /** Kills the master with SIGKILL and starts it again: the same port, the same data. */
  kill(): Promise<void>;
  /** Lets master and replica change places. Sockets that lead to the old master stay there. */
  failOver(): Promise<void>;
  stop(): Promise<void>;
}

export async function startRedisPair(): Promise<RedisPair> {
  let master = await startRedis();
  let replica = await startRedis();
  const proxy = await startTcpProxy(master.port);
  const onlookers = await startTcpProxy(master.port);
  await onRedis(replica, (redis) => redis.replicaof('127.0.0.1', master.port));

  return {
    proxy,
    onlookers,
    async kill() {
      await master.kill('SIGKILL');
      await master.start();
    },
    async failOver() {
      const hasAll = async (redis: Redis) =>
        (await redis.info('replication')).includes('master_link_status:up');
      await waitFor(() => onRedis(replica, hasAll), { what: 'the replica to have all', timeoutMs: 20_000 });
      // waits until the replica has all, then swaps the two
      await onRedis(master, (redis) => redis.call('FAILOVER', 'TO', '127.0.0.1', String(replica.port)));
      const demoted = async (redis: Redis) => (await redis.role())[0] === 'slave';
      await waitFor(() => onRedis(master, demoted), { what: 'the master to be demoted', timeoutMs: 20_000 });
      [master, replica] = [replica, master];
      onlookers.leadTo(master.port);
      onlookers.heal();
      proxy.leadTo(master.port);
    },
    async stop() {
      await Promise.all([proxy.close(), onlookers.close()]);
      await Promise.all([master.stop(), replica.stop()]);
    },
  };
}

async function onRedis<T>({ url }: TestRedis, act: (redis: Redis) => Promise<T>): Promise<T> {
  const redis = new Redis(url);
  redis.on('error', () => {}); // it says so in the command's error
  try {
    return await act(redis);
  } finally {
    redis.disconnect();
  }
}
