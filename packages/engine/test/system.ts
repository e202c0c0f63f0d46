import { startRedis, type TestRedis, waitFor } from '@holdfast/testkit';
import { type Cluster, Redis } from 'ioredis';
import {
  type Client,
  createClient,
  type Flow,
  type Run,
  startWorker,
  type Worker,
  type WorkerOptions,
} from '../src/index.ts';

/** A Redis, a client and as many workers as a test starts. */
export interface TestSystem {
  readonly redis: TestRedis;
  readonly connection: Redis;
  readonly client: Client;
  startWorker(options?: Partial<WorkerOptions>): Worker;
  submit(flow: Flow, input: unknown, key?: string): Promise<string>;
  /** The run once `is` holds of it. */
  runThat(runId: string, is: (run: Run) => boolean, what: string): Promise<Run>;
  runWith<S extends Run['status']>(runId: string, status: S): Promise<Extract<Run, { status: S }>>;
  close(): Promise<void>;
}

export const quietLog = { debug() {}, info() {}, warn() {}, error() {} };

export async function startSystem(flows: readonly Flow[]): Promise<TestSystem> {
  const redis = await startRedis();
  const connection = new Redis(redis.url, { maxRetriesPerRequest: null });
  connection.on('error', () => {});
  const client = createClient({ connection, flows });
  const workers: Worker[] = [];
  const connections: (Redis | Cluster)[] = [connection];
  let submitted = 0;

  const runThat: TestSystem['runThat'] = (runId, is, what) =>
    waitFor(
      async () => {
        const run = await client.getRun('t', runId);
        return run && is(run) ? run : undefined;
      },
      { what: `run ${runId} to be ${what}` },
    );

  return {
    redis,
    connection,
    client,
    startWorker(options = {}) {
      const connection = options.connection ?? new Redis(redis.url, { maxRetriesPerRequest: null });
      connection.on('error', () => {});
      connections.push(connection);
      const worker = startWorker({
        connection,
        redisUrls: [redis.url],
        flows,
        log: quietLog,
        retryScale: 0.01,
        ...options,
      });
      workers.push(worker);
      return worker;
    },
    async submit(flow, input, key = `key-${++submitted}`) {
      const reply = await client.submit({
        flow: flow.name,
        input,
        tenant: 't',
        idempotencyKey: key,
        fingerprint: key,
      });
      if (reply.outcome === 'key_reused') throw new Error('key reused');
      return reply.run.id;
    },
    runThat,
    async runWith(runId, status) {
      const run = await runThat(runId, (r) => r.status === status, status);
      return run as Extract<Run, { status: typeof status }>;
    },
    async close() {
      await Promise.all(workers.map((worker) => worker.close('0s')));
      await client.close();
      for (const each of connections) each.disconnect();
      await redis.stop();
    },
  };
}
