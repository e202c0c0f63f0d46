import {
  Worker as BullWorker,
  type WorkerOptions as BullWorkerOptions,
  type Job,
  type Processor,
} from 'bullmq';
import type { Cluster, Redis } from 'ioredis';
import type { RunJob } from './jobs.ts';
import type { Places } from './places.ts';

type RunOfQueue = Job<RunJob>;

/**
 * A worker's end of one flow's queue. BullMQ bounds the jobs of a queue; this one takes no job off the queue before it has one of the places
 * that all queues of the worker share, so that what cannot be run here yet is left to other workers.
 *
 * BullMQ asks for jobs one after the other, under a token each, and comes to those that it has only when it does not wait for another. A job
 * that has ended may be followed by the next one under its token.
 */
export class RunQueue extends BullWorker<RunJob> {
  readonly #places: Places;
  /** The tokens that have a place. */
  readonly #placed = new Set<string>();
  /** Those whose job is being processed. */
  readonly #begun = new Set<string>();
  readonly #connection: Redis | Cluster;
  /** Ends the wait for a place. */
  #stopWaiting: () => void = () => {};

  constructor(
    flow: string,
    process: Processor<RunJob>,
    options: BullWorkerOptions & { readonly connection: Redis | Cluster },
    places: Places,
  ) {
    super(flow, process, options);
    this.#connection = options.connection;
    this.#places = places;
  }

  protected override async moveToActive(token: string, name?: string): Promise<RunOfQueue> {
    if (!this.#placed.has(token)) {
      if (!this.#places.takeNow() && !(await this.#waitForPlace())) return NONE;
      this.#placed.add(token);
    }
    let job: RunOfQueue | undefined;
    try {
      job = await super.moveToActive(token, name);
      return job;
    } finally {
      if (!job) this.#leave(token);
    }
  }

  override async processJob(
    job: RunOfQueue,
    token: string,
    fetchNext: () => boolean = () => true,
  ): Promise<RunOfQueue | undefined> {
    this.#begun.add(token);
    let next: RunOfQueue | undefined;
    try {
      next = (await super.processJob(job, token, () => this.#places.enough && fetchNext())) ?? undefined;
      if (next) this.#stopWaiting();
      return next;
    } finally {
      this.#begun.delete(token);
      if (!next) this.#leave(token);
    }
  }

  async #waitForPlace(): Promise<boolean> {
    if ([...this.#placed].some((token) => !this.#begun.has(token))) return false;
    const { taken, stop } = this.#places.take();
    this.#stopWaiting = stop;
    // BullMQ has taken the mark that a job is there; without it, idle workers would not hear of that job for seconds
    void this.#connection.zadd(this.toKey('marker'), 0, '0').catch(() => {});
    const placed = await taken;
    this.#stopWaiting = () => {};
    return placed;
  }

  #leave(token: string): void {
    if (this.#placed.delete(token)) this.#places.giveBack();
  }
}

/** BullMQ's way to say that there is no job. */
const NONE = undefined as unknown as RunOfQueue;
