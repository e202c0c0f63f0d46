import { createClient, DEAD_LETTERS } from '@holdfast/engine';
import { CONTRACTS } from '@holdfast/flows';
import { setNamespace, tagOf } from '@holdfast/redis';
import { Queue } from 'bullmq';
import { Redis } from 'ioredis';
import type { Standing } from './records.ts';

export type JobState = 'waiting' | 'active' | 'delayed' | 'failed' | 'completed';

export interface StoredJob {
  readonly queue: string;
  readonly id: string;
  readonly runId: string;
  readonly state: JobState;
}

/** All that is in Redis, at one moment as good as. */
export interface StoreDump {
  readonly keys: readonly { readonly name: string; readonly expires: boolean }[];
  readonly jobs: readonly StoredJob[];
  /** Ids of runs that are looked after. */
  readonly alarms: readonly string[];
  /** Ids of workers that prove their life, or should. */
  readonly workers: readonly string[];
}

const TENANT = 'dev';
const STATES: readonly JobState[] = ['waiting', 'active', 'delayed', 'failed', 'completed'];

/** A look into Redis from outside, which outlasts its restarts. */
export class Store {
  readonly #connection: Redis;
  readonly #prefix: string;
  readonly #client: ReturnType<typeof createClient>;
  readonly #queues: readonly Queue<{ runId: string }>[];

  /** @param namespace the system's; keys of others are not seen, and its own are told without it */
  constructor(url: string, namespace?: string) {
    this.#connection = new Redis(url, { maxRetriesPerRequest: null });
    if (namespace !== undefined) setNamespace(this.#connection, namespace);
    this.#prefix = namespace === undefined ? '' : `${namespace}:`;
    this.#connection.on('error', () => {}); // it is killed on purpose
    this.#client = createClient({ connection: this.#connection, flows: CONTRACTS });
    this.#queues = [...CONTRACTS.map(({ name }) => name), DEAD_LETTERS].map((name) => {
      const queue = new Queue<{ runId: string }>(name, {
        connection: this.#connection,
        prefix: tagOf(this.#connection),
        skipMetasUpdate: true,
      });
      queue.on('error', () => {});
      return queue;
    });
  }

  /** How the journal has a run. */
  standingOf(runId: string): Promise<Standing | undefined> {
    return this.#client.getRun(TENANT, runId);
  }

  async dump(): Promise<StoreDump> {
    const names = await this.#keys();
    const ttls = await Promise.all(names.map((name) => this.#connection.pttl(name)));
    return {
      // -2: gone since
      keys: names.flatMap((name, i) =>
        ttls[i] === -2 ? [] : [{ name: name.slice(this.#prefix.length), expires: ttls[i] !== -1 }],
      ),
      jobs: (await Promise.all(this.#queues.map(jobsOf))).flat(),
      alarms: await this.#connection.zrange(`${tagOf(this.#connection)}/alarms`, '0', '-1'),
      workers: await this.#connection.zrange(`${tagOf(this.#connection)}/workers`, '0', '-1'),
    };
  }

  async close(): Promise<void> {
    await this.#client.close();
    await Promise.all(this.#queues.map((queue) => queue.close()));
    this.#connection.disconnect();
  }

  async #keys(): Promise<string[]> {
    const names = new Set<string>();
    for await (const batch of this.#connection.scanStream({ count: 1000 })) {
      for (const name of batch as string[]) if (name.startsWith(this.#prefix)) names.add(name);
    }
    return [...names].sort();
  }
}

async function jobsOf(queue: Queue<{ runId: string }>): Promise<StoredJob[]> {
  const ofState = async (state: JobState) =>
    (await queue.getJobs([state], 0, -1)).map(({ id, data }) => ({
      queue: queue.name,
      id: id ?? '',
      runId: data.runId,
      state,
    }));
  return (await Promise.all(STATES.map(ofState))).flat();
}
