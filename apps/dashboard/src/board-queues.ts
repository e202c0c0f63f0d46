import { DEAD_LETTERS, type Letter } from '@holdfast/engine';
import { type RedisConnection, tagOf } from '@holdfast/redis';
import { Queue } from 'bullmq';
import type { FastifyBaseLogger } from 'fastify';

/** What the board shows; it only ever reads, but for retries of dead letters. */
export interface BoardQueues {
  /** One queue per flow, by the flow's name. */
  flows(): readonly Queue[];
  readonly deadLetters: Queue<Letter>;
  /** The queue of another flow; the same for the same name. */
  open(flow: string): Queue;
  close(): Promise<void>;
}

/** Opens the queues on a shared connection. Nothing is written, and Redis need not be there yet. */
export function openQueues(
  connection: RedisConnection,
  flowNames: readonly string[],
  log: FastifyBaseLogger,
): BoardQueues {
  const open = <T = unknown>(name: string) => {
    const queue = new Queue<T>(name, {
      connection,
      prefix: tagOf(connection),
      skipMetasUpdate: true,
      skipWaitingForReady: true,
      skipVersionCheck: true,
    });
    queue.on('error', (error) => log.debug({ err: error, queue: name }, 'queue error'));
    return queue;
  };
  const flows = new Map(flowNames.map((name) => [name, open(name)]));
  const deadLetters = open<Letter>(DEAD_LETTERS);
  return {
    flows: () => [...flows.values()],
    deadLetters,
    open(flow) {
      const queue = flows.get(flow) ?? open(flow);
      flows.set(flow, queue);
      return queue;
    },
    close: async () => {
      await Promise.all([...flows.values(), deadLetters].map((queue) => queue.close()));
    },
  };
}
