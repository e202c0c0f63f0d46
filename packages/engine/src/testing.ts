import { createHash, randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { type Script, tagOf } from '@holdfast/redis';
import { Worker as BullWorker, DelayedError, type Processor } from 'bullmq';
import type { Cluster, Redis } from 'ioredis';
import {
  type CallbackCompletion,
  type CancelOutcome,
  type Client,
  createClient,
  type RedriveOutcome,
  type ResolveReply,
  type Signal,
  type SignalOutcome,
} from './client.ts';
import type { Flow, FlowContract } from './contract/define-flow.ts';
import { type DurationInput, toMs } from './contract/duration.ts';
import { FlowRegistry } from './contract/flow-registry.ts';
import type { Log } from './contract/log.ts';
import type { PayloadCodec } from './contract/payload-codec.ts';
import type { Json, Run } from './contract/run.ts';
import type { StateSealer } from './contract/state.ts';
import { Calls, type GiveUpReason } from './drive/attempt.ts';
import { Executor, type JobVerdict } from './drive/executor.ts';
import type { CallbackEnd } from './drive/waits.ts';
import { keysOf, type Reference } from './journal/keys.ts';
import { redisJournal } from './journal/redis-journal.ts';
import type { Resolution } from './journal/resolution.ts';
import { loadScript } from './journal/scripts.ts';
import { redisStateStore } from './journal/state-store.ts';
import { childRuns, tellParent } from './queue/child-runs.ts';
import { correlations } from './queue/correlations.ts';
import { writeLetter } from './queue/dead-letters.ts';
import { Jobs, type RunJob } from './queue/jobs.ts';
import { isUnderWay, runProcessor } from './queue/run-processor.ts';
import { scheduleFiring } from './queue/schedule-firing.ts';
import { Sweeper } from './queue/sweeper.ts';

export type { JobVerdict } from './drive/executor.ts';
export { parseField } from './journal/identity.ts';
export { decodeRecord, isFinal, type StepRecord } from './journal/step-record.ts';
export { keysOf };

export interface DriverOptions {
  /** With `maxRetriesPerRequest: null`. Stays the caller's to close. */
  readonly connection: Redis | Cluster;
  readonly flows: readonly Flow[];
  /** Multiplies every retry delay, but for a provider's Retry-After. Default 0.01. */
  readonly retryScale?: number;
  /** From 0 to 1, for jitter. Default Math.random. */
  readonly random?: () => number;
  /** True once the worker stops: no new step starts, and the run leaves. Default: never. */
  readonly draining?: () => boolean;
  /** Encrypts values of the state. Default: none can be. */
  readonly sealer?: StateSealer;
  /** How long terminal runs are kept. Default `1h`. */
  readonly retention?: DurationInput;
  /** Claims in a row without progress after which a run is dead as poison. Default 25. */
  readonly poisonAfter?: number;
  /** Default: silence. */
  readonly log?: Log;
  readonly codec?: PayloadCodec;
}

/**
 * A worker and a client in one, moved by hand: nothing happens unless it is called. Made of the parts that `startWorker` and
 * `createClient` are made of. All runs belong to the tenant `test`.
 */
export interface Driver {
  /** As in the owners of the runs that it claims. */
  readonly id: string;
  /** @returns the run's id */
  submit<I>(flow: FlowContract<I>, input: I, idempotencyKey: string): Promise<string>;
  /** Claims a run with the job that it has now and takes it as far as it goes; the queue is left alone. */
  drive(runId: string): Promise<JobVerdict>;
  /**
   * Takes the next job from a flow's queue that is ready and does what a worker does with it, the queue's part included.
   * @returns the run's id, or undefined when no job is ready
   * @throws what made the worker drop the run, once the queue's part is done
   */
  deliver(flow: string): Promise<string | undefined>;
  /** Looks after overdue runs and takes over those of workers found dead in two sweeps in a row. */
  sweep(): Promise<void>;
  signal(runId: string, signal: Signal): Promise<SignalOutcome | undefined>;
  /** @param id the callback's, as its flow gave it away */
  completeCallback(id: string, outcome: CallbackEnd): Promise<CallbackCompletion>;
  /** @param waiter a run that is told when somebody registers the reference, if nobody has */
  correlatedRun(reference: Reference, waiter: string): Promise<string | undefined>;
  /** Changes a value of the state, as somebody else does. */
  writeState(name: string, value: Json): Promise<void>;
  cancel(runId: string): Promise<CancelOutcome | undefined>;
  redrive(runId: string): Promise<RedriveOutcome | undefined>;
  resolve(runId: string, resolution: Resolution): Promise<ResolveReply | undefined>;
  rerun(runId: string): Promise<'rerun' | 'not_finished' | 'drawn' | undefined>;
  /** Of all flows of the tenant, as the driver's client does it. */
  pause(): Promise<'paused' | 'paused_already'>;
  resume(): Promise<'resumed' | 'not_paused'>;
  read(runId: string): Promise<Run | undefined>;
  /** Gives up the calls that are under way, as a worker does that has lost its runs (the default), or must stop. */
  giveUp(because?: GiveUpReason): void;
  close(): Promise<void>;
}

/** The keys of a system without a namespace. */
export const keys = keysOf({});

const TENANT = 'test';
const SILENCE: Log = { debug() {}, info() {}, warn() {}, error() {} };
const LOCK_MS = 30_000;

export function createDriver(options: DriverOptions): Driver {
  return new HandDriver(options);
}

class HandDriver implements Driver {
  readonly id = randomUUID();
  readonly #options: DriverOptions;
  readonly #client: Client;
  readonly #journal: ReturnType<typeof redisJournal>;
  readonly #jobs: Jobs;
  readonly #executor: Executor;
  readonly #sweeper: Sweeper;
  readonly #schedules: ReturnType<typeof scheduleFiring>;
  readonly #underWay = new Map<Calls, string>();
  readonly #queues = new Map<string, JobSource>();
  readonly #dropped: Error[] = [];
  #claims = 0;

  constructor(options: DriverOptions) {
    const { connection, log = SILENCE, random = Math.random, codec } = options;
    const flows = new FlowRegistry(options.flows);
    const journal = redisJournal({ connection, retentionMs: toMs(options.retention ?? '1h'), codec });
    const jobs = new Jobs(connection);
    this.#options = options;
    this.#journal = journal;
    this.#jobs = jobs;
    this.#client = createClient({ connection, flows: options.flows, codec });
    this.#executor = new Executor({
      ...{ journal, flows, log, random },
      nextClaimant: () => `${this.id}.${++this.#claims}`,
      writeLetter: (dead) => writeLetter(jobs, journal, dead),
      observer: {},
      children: childRuns(journal, jobs),
      correlations: correlations(journal, jobs),
      state: { store: redisStateStore({ connection, codec: options.codec }), sealer: options.sealer },
      callbacks: { readKey: () => journal.callbackKey(), publicUrl: 'http://127.0.0.1:3000' },
      tellParent: (child) => tellParent(journal, jobs, child),
      retryScale: options.retryScale ?? 0.01,
      draining: options.draining ?? (() => false),
      poisonAfter: options.poisonAfter ?? 25,
    });
    this.#schedules = scheduleFiring({ connection, flows: options.flows, codec, journal, jobs, log });
    this.#sweeper = new Sweeper({
      fireSchedule: this.#schedules.fire,
      workerId: this.id,
      drives: (jobId) => isUnderWay(this.#underWay, jobId),
      ...{ journal, jobs, log, random },
      flows: () => flows.names(),
      writeLetter: (dead) => writeLetter(jobs, journal, dead),
      maySuspectOthers: () => true,
    });
  }

  async submit<I>(flow: FlowContract<I>, input: I, idempotencyKey: string): Promise<string> {
    const fingerprint = JSON.stringify(input) ?? '';
    const request = { flow: flow.name, input, tenant: TENANT, idempotencyKey, fingerprint };
    const reply = await this.#client.submit(request);
    if (reply.outcome === 'key_reused')
      throw new Error(`the key ${JSON.stringify(idempotencyKey)} was used with another input before`);
    return reply.run.id;
  }

  async drive(runId: string): Promise<JobVerdict> {
    const run = await this.#journal.whereIs(runId);
    if (!run) throw new Error(`there is no run ${runId}`);
    const calls = new Calls();
    this.#underWay.set(calls, run.jobId);
    try {
      return await this.#executor.execute({ id: run.jobId, runId, flow: run.flow }, calls);
    } finally {
      this.#underWay.delete(calls);
    }
  }

  async deliver(flow: string): Promise<string | undefined> {
    const queue = this.#queue(flow);
    const token = randomUUID();
    const job = await queue.getNextJob(token, { block: false });
    if (!job) return undefined;
    await queue.processJob(job, token, () => false);
    const dropped = this.#dropped.shift();
    if (dropped) throw dropped;
    return job.data.runId;
  }

  async sweep(): Promise<void> {
    await this.#sweeper.sweep();
  }

  signal(runId: string, signal: Signal): Promise<SignalOutcome | undefined> {
    return this.#client.signal(TENANT, runId, signal);
  }

  completeCallback(id: string, outcome: CallbackEnd): Promise<CallbackCompletion> {
    const fingerprint = createHash('sha256').update(JSON.stringify(outcome)).digest('hex');
    return this.#client.completeCallback(id, { ...outcome, fingerprint });
  }

  correlatedRun(reference: Reference, waiter: string): Promise<string | undefined> {
    return this.#client.correlatedRun(TENANT, reference, waiter);
  }

  async writeState(name: string, value: Json): Promise<void> {
    await this.#client.writeState(TENANT, name, value);
  }

  cancel(runId: string): Promise<CancelOutcome | undefined> {
    return this.#client.cancel(TENANT, runId);
  }

  redrive(runId: string): Promise<RedriveOutcome | undefined> {
    return this.#client.redrive(TENANT, runId);
  }

  resolve(runId: string, resolution: Resolution): Promise<ResolveReply | undefined> {
    return this.#client.resolve(TENANT, runId, resolution);
  }

  rerun(runId: string): Promise<'rerun' | 'not_finished' | 'drawn' | undefined> {
    return this.#client.rerun(TENANT, runId);
  }

  pause(): Promise<'paused' | 'paused_already'> {
    return this.#client.pause({ tenant: TENANT }, 'driver');
  }

  resume(): Promise<'resumed' | 'not_paused'> {
    return this.#client.resume({ tenant: TENANT });
  }

  read(runId: string): Promise<Run | undefined> {
    return this.#client.getRun(TENANT, runId);
  }

  giveUp(because: GiveUpReason = 'run_lost'): void {
    for (const calls of this.#underWay.keys()) calls.giveUp(because);
  }

  async close(): Promise<void> {
    this.giveUp();
    await Promise.all([...this.#queues.values()].map((queue) => queue.close(true)));
    await this.#client.close();
    await this.#jobs.close();
    await this.#schedules.close();
  }

  #queue(flow: string): JobSource {
    let queue = this.#queues.get(flow);
    if (!queue) {
      queue = new JobSource(
        flow,
        this.#noting(
          runProcessor(this.#executor, flow, this.#underWay, (runId) => this.#sweeper.drop(runId)),
        ),
        {
          connection: this.#options.connection,
          prefix: tagOf(this.#options.connection),
          lockDuration: LOCK_MS,
          maxStalledCount: 1_000_000,
          runRetryDelay: 1,
          autorun: false,
          skipWaitingForReady: true,
          skipVersionCheck: true,
        },
      );
      // a worker's errors are events; what a test needs to know is in Redis
      queue.on('error', () => {});
      this.#queues.set(flow, queue);
    }
    return queue;
  }

  /** BullMQ takes what a processor throws as its own affair; here it is kept for the caller. */
  #noting(process: Processor<RunJob>): Processor<RunJob> {
    return async (job, token, signal) => {
      try {
        return await process(job, token, signal);
      } catch (error) {
        if (error instanceof Error && !(error instanceof DelayedError)) this.#dropped.push(error);
        throw error;
      }
    };
  }
}

/** A BullMQ worker that is asked for each job, and never waits for one: it needs no blocking connection. */
class JobSource extends BullWorker<RunJob> {
  protected override createBackend(): void {
    this.backend = this.backendFactory(this.name, this.opts, { withBlockingConnection: false });
  }
}

const LUA = new URL('../src/journal/lua/', import.meta.url);

/** All scripts of the engine: what Redis is asked for by hash, and their names, such as `record-step`. */
export const engineScripts: readonly Script[] = readdirSync(LUA).flatMap((file) =>
  file.endsWith('.lua') ? [loadScript(file.slice(0, -4))] : [],
);
