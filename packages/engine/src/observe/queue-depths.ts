import { tagOf } from '@holdfast/redis';
import { Queue } from 'bullmq';
import type { Cluster, Redis } from 'ioredis';
import { DEAD_LETTERS, keysOf } from '../journal/keys.ts';

/** Jobs of one BullMQ queue. */
export interface QueueDepth {
  /** A flow's, or `dead-letters`, where the letters are failed jobs. */
  readonly queue: string;
  /** For a worker, in the queue or in a lane. */
  readonly waiting: number;
  readonly active: number;
  /** Until their runs' next retry, timer or signal. */
  readonly delayed: number;
  readonly failed: number;
}

/** Counts the jobs of the flows' queues and of the dead letters, without reading any. */
export async function readQueueDepths(
  connection: Redis | Cluster,
  flows: readonly string[],
): Promise<readonly QueueDepth[]> {
  return Promise.all(
    [...flows, DEAD_LETTERS].map(async (name) => {
      const queue = new Queue(name, { connection, prefix: tagOf(connection), skipMetasUpdate: true });
      queue.on('error', () => {});
      try {
        const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'failed');
        const { waiting = 0, active = 0, delayed = 0, failed = 0 } = counts;
        const inLanes = await readLanes(connection, name);
        return { queue: name, waiting: waiting + inLanes, active, delayed, failed };
      } finally {
        await queue.close();
      }
    }),
  );
}

/** How many runs of a flow wait in their tenants' lanes. */
async function readLanes(connection: Redis | Cluster, flow: string): Promise<number> {
  const keys = keysOf(connection);
  const tenants = await connection.zrange(keys.lanes(flow), '0', '-1');
  const waiting = await Promise.all(tenants.map((tenant) => connection.zcard(keys.lane(flow, tenant))));
  return waiting.reduce((sum, each) => sum + each, 0);
}
