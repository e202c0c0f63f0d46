import { tagOf } from '@holdfast/redis';
import { Queue } from 'bullmq';
import type { Cluster, Redis } from 'ioredis';
import type { Failure } from '../contract/run.ts';
import { letterIdOf } from '../journal/identity.ts';
import { DEAD_LETTERS } from '../journal/keys.ts';

/** All that a job carries: the journal holds the rest. */
export interface RunJob {
  readonly runId: string;
}

/** A dead run's entry in the dead-letter queue; shown to people as it is. */
export interface Letter {
  readonly runId: string;
  readonly tenant: string;
  readonly flow: string;
  readonly death: number;
  readonly kind: Failure['kind'];
  readonly code: string;
  readonly message: string;
  readonly step?: string;
  readonly stack?: string;
}

export type JobState = 'waiting' | 'delayed' | 'active' | 'gone';

/** The BullMQ queues: one per flow, with one job for each run that is to go on, and the dead letters. */
export class Jobs {
  readonly #connection: Redis | Cluster;
  readonly #queues = new Map<string, Queue<RunJob>>();
  readonly #letters: Queue<Letter>;

  constructor(connection: Redis | Cluster) {
    this.#connection = connection;
    this.#letters = new Queue<Letter>(DEAD_LETTERS, this.#options());
    this.#letters.on('error', ignoreConnectionError);
  }

  /** Writes down what BullMQ wants to know of a queue, once for each process: runs are created with their jobs. */
  open(flow: string): void {
    this.#queue(flow);
  }

  /** Adding an id that is there already changes nothing. */
  async add(flow: string, runId: string, jobId: string, delayMs = 0): Promise<void> {
    await this.#queue(flow).add(
      flow,
      { runId },
      { ...ONE_TRY, jobId, ...(delayMs > 0 && { delay: Math.ceil(delayMs) }) },
    );
  }

  async state(flow: string, jobId: string): Promise<JobState> {
    const state = await this.#queue(flow).getJobState(jobId);
    switch (state) {
      case 'waiting':
      case 'prioritized':
      case 'waiting-children':
        return 'waiting';
      case 'delayed':
      case 'active':
        return state;
      default:
        return 'gone';
    }
  }

  /**
   * Has a worker look for jobs of the flow. The word that there are some goes to one that waits for it, and a worker may be waiting that
   * hangs or is cut off: each takes one word with it.
   */
  async nudge(flow: string, times: number): Promise<void> {
    const marker = this.#queue(flow).toKey('marker');
    for (let i = 0; i < times; i += 1) await this.#connection.zadd(marker, 0, '0');
  }

  /** Makes a delayed job ready now; one that is not delayed is left alone. */
  async promote(flow: string, jobId: string): Promise<void> {
    const job = await this.#queue(flow).getJob(jobId);
    if (job && (await job.isDelayed())) {
      // it may have left the delayed set in between: then there is nothing to promote
      await job.promote().catch(() => {});
    }
  }

  /** Takes a job away, unless a worker has it: then it ends by itself. */
  async remove(flow: string, jobId: string): Promise<void> {
    await this.#queue(flow)
      .remove(jobId)
      .catch(() => {});
  }

  /** Ids of the jobs that workers have, or had when they died. */
  async activeIds(flow: string): Promise<string[]> {
    return this.#queue(flow).getRanges(['active'], 0, -1);
  }

  /** The same letter written twice is one letter. */
  async addLetter(letter: Letter): Promise<void> {
    await this.#letters.add(letter.flow, letter, {
      attempts: 1,
      jobId: letterIdOf(letter.runId, letter.death),
      removeOnComplete: { count: 1_000 },
    });
  }

  async hasLetter(runId: string, death: number): Promise<boolean> {
    return (await this.#letters.getJobState(letterIdOf(runId, death))) !== 'unknown';
  }

  async removeLetter(runId: string, death: number): Promise<void> {
    await this.#letters.remove(letterIdOf(runId, death)).catch(() => {});
  }

  async close(): Promise<void> {
    await Promise.all([this.#letters, ...this.#queues.values()].map((queue) => queue.close()));
  }

  #queue(flow: string): Queue<RunJob> {
    let queue = this.#queues.get(flow);
    if (!queue) {
      queue = new Queue<RunJob>(flow, this.#options());
      queue.on('error', ignoreConnectionError);
      this.#queues.set(flow, queue);
    }
    return queue;
  }

  #options() {
    return {
      connection: this.#connection,
      prefix: tagOf(this.#connection),
      skipWaitingForReady: true,
      skipVersionCheck: true,
      streams: { events: { maxLen: 1_000 } },
    };
  }
}

/** Retries are the journal's business; a job that ends in any way leaves no trace, the run's record does. */
const ONE_TRY = { attempts: 1, removeOnComplete: true, removeOnFail: true } as const;

/** Whoever owns the connection reports its errors; failed commands reject by themselves. */
function ignoreConnectionError(): void {}
