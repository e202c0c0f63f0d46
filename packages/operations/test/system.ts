import {
  type Client,
  createClient,
  defineFlow,
  startWorker,
  UnavailableError,
  type Worker,
} from '@holdfast/engine';
import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { z } from 'zod';
import { createOperations, type Operations } from '../src/index.ts';

export const quietLog = { debug() {}, info() {}, warn() {}, error() {} };
export const ADA = { name: 'ada', via: 'api' } as const;

/** Ships what it is told to, unless shipping is down. */
export interface TestSystem {
  readonly redis: TestRedis;
  readonly connection: Redis;
  readonly client: Client;
  readonly operations: Operations;
  /** While it is true, a run dies with the code of its input. */
  down: boolean;
  /** Ids of runs that have shipped, one for each time. */
  readonly shipped: string[];
  submit(code?: string, tenant?: string): Promise<string>;
  /** Ids of that many new dead runs. */
  dead(count: number, code?: string): Promise<string[]>;
  ended(runIds: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

export async function startSystem(): Promise<TestSystem> {
  const redis = await startRedis();
  const connect = () => new Redis(redis.url, { maxRetriesPerRequest: null });
  const [connection, workers] = [connect(), connect()];
  const shop = defineFlow({
    name: 'shop',
    version: 1,
    input: z.string(),
    output: z.null(),
    async run(ctx, code: string) {
      await ctx.step('ship', {
        run: async (call) => {
          if (system.down) throw new UnavailableError({ code, message: 'shipping is down' });
          system.shipped.push(call.idempotencyKey);
        },
        whenInDoubt: 'repeat',
        retry: { attempts: 1 },
      });
      return null;
    },
  });
  const client = createClient({ connection, flows: [shop] });
  const worker: Worker = startWorker({
    ...{ connection: workers, redisUrls: [redis.url], flows: [shop], log: quietLog },
  });
  let submitted = 0;

  const until = (runIds: readonly string[], status: string) =>
    waitFor(
      async () => {
        const runs = await Promise.all(runIds.map((id) => client.getRun('t', id)));
        return runs.every((run) => run?.status === status);
      },
      { what: `${runIds.length} runs to be ${status}` },
    );
  const system: TestSystem = {
    ...{ redis, connection, client, down: true, shipped: [] },
    operations: createOperations({ client, connection, log: quietLog }),
    async submit(code = 'shipping_down', tenant = 't') {
      const key = `key-${++submitted}`;
      const request = { flow: 'shop', input: code, tenant, idempotencyKey: key, fingerprint: key };
      const reply = await client.submit(request);
      if (reply.outcome === 'key_reused') throw new Error('key reused');
      return reply.run.id;
    },
    async dead(count, code) {
      system.down = true;
      const runIds = await Promise.all(Array.from({ length: count }, () => system.submit(code)));
      await until(runIds, 'dead');
      return runIds;
    },
    ended: async (runIds) => {
      await until(runIds, 'completed');
    },
    async close() {
      await worker.close('0s');
      await client.close();
      for (const each of [connection, workers]) each.disconnect();
      await redis.stop();
    },
  };
  return system;
}
