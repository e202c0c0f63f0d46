import type { Redis } from 'ioredis';

export const CONTENDERS = ['bare', 'byHand', 'holdfast'] as const;
export type ContenderName = (typeof CONTENDERS)[number];

/** What one way of running work on BullMQ does with a run: each side lives in a process of its own. */
export interface Contender {
  readonly label: string;
  /** Where its BullMQ queue is. */
  readonly queue: { readonly name: string; readonly prefix: string };
  /** Steps that one run executes. */
  readonly stepsPerRun: number;
  openSubmitter(connection: Redis): Submitter;
  startWorker(options: WorkerStart): RunningWorker;
}

export interface Submitter {
  /** @returns the id of the job, once the run is durable. */
  submit(n: number): Promise<string>;
  close(): Promise<void>;
}

export interface WorkerStart {
  readonly connection: Redis;
  readonly redisUrl: string;
  readonly concurrency: number;
  readonly onRun: () => void;
  readonly onStep: () => void;
}

export interface RunningWorker {
  close(): Promise<void>;
}
