import { randomUUID } from 'node:crypto';
import { namespaceOf, type RedisTls, type RedisUrls, tagOf } from '@holdfast/redis';
import {
  Worker as BullWorker,
  type WorkerOptions as BullWorkerOptions,
  type Job,
  type Processor,
} from 'bullmq';
import type { Cluster, Redis } from 'ioredis';
import type { Flow } from './contract/define-flow.ts';
import { type DurationInput, toMs } from './contract/duration.ts';
import type { Classify } from './contract/failures/failure-of.ts';
import { FlowRegistry } from './contract/flow-registry.ts';
import type { Log } from './contract/log.ts';
import type { PayloadCodec } from './contract/payload-codec.ts';
import { retentionMs } from './contract/retention.ts';
import type { StateSealer } from './contract/state.ts';
import type { Calls } from './drive/attempt.ts';
import { Executor } from './drive/executor.ts';
import { runIdOfJob, workerOf } from './journal/identity.ts';
import type { Journal } from './journal/journal.ts';
import { DEAD_LETTERS } from './journal/keys.ts';
import { redisJournal } from './journal/redis-journal.ts';
import { redisStateStore } from './journal/state-store.ts';
import type { RunObserver } from './observe/run-observer.ts';
import { childRuns, tellParent } from './queue/child-runs.ts';
import { correlations } from './queue/correlations.ts';
import { type DeadRun, processLetter, writeLetter } from './queue/dead-letters.ts';
import { Jobs, type Letter, type RunJob } from './queue/jobs.ts';
import { startLiveness } from './queue/liveness.ts';
import { BUSY_PACE } from './queue/pace.ts';
import { Places } from './queue/places.ts';
import { isRefusal, Refusals } from './queue/refusals.ts';
import { isUnderWay, runProcessor } from './queue/run-processor.ts';
import { RunQueue } from './queue/run-queue.ts';
import { scheduleFiring } from './queue/schedule-firing.ts';
import { SWEEP_MS, Sweeper } from './queue/sweeper.ts';

export interface WorkerOptions {
  /** With `maxRetriesPerRequest: null`: commands wait until Redis is back. Stays the caller's to close. */
  readonly connection: Redis | Cluster;
  /** Where `connection` leads, as in `HOLDFAST_REDIS_URL`; the proof of life takes a connection of its own. */
  readonly redisUrls: RedisUrls;
  /** Default: what the system trusts, and no client certificate. */
  readonly redisTls?: RedisTls | undefined;
  readonly flows: readonly Flow[];
  readonly log: Log;
  /** Runs at once, over all flows. Default 200. */
  readonly concurrency?: number;
  /** BullMQ's lock on a job; renewed at half of it. Default `30s`. */
  readonly lock?: DurationInput;
  /** How often BullMQ looks for jobs whose lock has run out. Default `15s`. */
  readonly stalledCheck?: DurationInput;
  /**
   * How long the event loop may be blocked before the worker counts as dead and others take its runs. Until then its runs are its own, also
   * beyond `lock` and `stalledCheck`. Default `5m`.
   */
  readonly hungAfter?: DurationInput;
  /** How many runs of a tenant may be with workers at once, over all flows; the same for all workers. Default: any number. */
  readonly tenantConcurrency?: number | undefined;
  /** Encrypts values of the state. Default: none can be. */
  readonly sealer?: StateSealer | undefined;
  /** What the URLs of callbacks begin with, without a slash at its end. Default `http://127.0.0.1:3000`. */
  readonly publicUrl?: string;
  /** How long terminal runs are kept whose flow does not say. Default `7d`. */
  readonly retention?: DurationInput;
  /** Multiplies every retry delay, but for a provider's Retry-After. Default 1. */
  readonly retryScale?: number;
  /** How many times in a row a run may be lost with its worker, without progress, before it is dead as poison. Default 25. */
  readonly poisonAfter?: number;
  /**
   * Says what an error that a step threw means, before Holdfast's own table is asked (docs/thrown-errors.md). It must return a failure of
   * Holdfast's, or undefined for errors that it does not know; what it throws itself is a bug of the step. Default: none.
   */
  readonly classify?: Classify;
  /** The config's. Default: payloads are kept as they are. */
  readonly codec?: PayloadCodec | undefined;
  /** From 0 to 1, for jitter. Default Math.random. */
  readonly random?: () => number;
  /**
   * Told of each death before its letter is written, and so not lost when the worker dies in between; waited for. Told again of the same
   * death now and then while the run is dead, by any worker.
   */
  readonly onDeath?: (dead: DeadRun) => Promise<void>;
  /** Default: none. */
  readonly observer?: RunObserver;
  /** Redis was seen to have lost writes it had taken. Each worker may notice the same loss. */
  readonly onRollback?: () => void;
}

export interface Worker {
  readonly id: string;
  /** Rejects unless Redis answers and takes writes. */
  check(): Promise<void>;
  /**
   * Takes no new runs and starts no new step; steps under way may end within `grace`, then they are aborted. What is not over goes on
   * in other workers. Default `10s`.
   */
  close(grace?: DurationInput): Promise<void>;
}

/** How long a queue without jobs is waited for at a time: each turn costs Redis half a dozen commands. */
const DRAIN_DELAY_S = 10;
/** What a worker has beyond its grace to record what was aborted and to sign off; with Redis unreachable it cannot. */
const LEAVE_MS = 3_000;
/** After Redis was away, so long for the others to prove their life again. */
const TRUST_AFTER_MS = 1_000;

const FLEET_HOLDS_MS = 60_000;
const FLEET_EVERY_MS = 20_000;

/** Takes runs of the given flows from their queues and drives them, until closed. Start as many as you like, anywhere. */
export function startWorker(options: WorkerOptions): Worker {
  return new RunningWorker(options);
}

class RunningWorker implements Worker {
  readonly id = randomUUID();
  readonly #options: WorkerOptions;
  readonly #flows: FlowRegistry;
  readonly #jobs: Jobs;
  readonly #workers: readonly BullWorker[];
  readonly #executor: Executor;
  readonly #refusals: Refusals;
  readonly #journal: Journal;
  readonly #sweeper: Sweeper;
  readonly #schedules: ReturnType<typeof scheduleFiring>;
  readonly #liveness: ReturnType<typeof startLiveness>;
  /** By the job that carries each. */
  readonly #underWay = new Map<Calls, string>();
  readonly #stopped = new AbortController();
  #draining = false;
  #claims = 0;
  #sweepTimer: NodeJS.Timeout | undefined;
  #announcing: NodeJS.Timeout | undefined;
  #sweeping: Promise<void> = Promise.resolve();
  #readySince = performance.now();

  constructor(options: WorkerOptions) {
    const { connection, log, redisUrls: urls, redisTls: tls } = options;
    this.#options = options;
    this.#flows = new FlowRegistry(options.flows);
    this.#refusals = new Refusals({
      log,
      stopped: this.#stopped.signal,
      pause: () => this.#pause(),
      resume: () => this.#resume(),
    });
    this.#journal = redisJournal({
      connection,
      // of a flow that is gone, as of one that does not say
      retentionMs: (flow, version) =>
        retentionMs(this.#flows.get(flow, version)?.retention, options.retention),
      eventsKeptMs: toMs(options.retention ?? '7d'),
      send: (command) => this.#refusals.outlast(command),
      tenantLimit: options.tenantConcurrency,
      window: Math.max(2, 2 * (options.concurrency ?? 200)),
      lifeOnClaimMs: () => (this.#liveness.holdsMs > BUSY_PACE.holdsMs ? BUSY_PACE.holdsMs : undefined),
      codec: options.codec,
    });
    this.#jobs = new Jobs(connection);
    this.#executor = new Executor({
      journal: this.#journal,
      flows: this.#flows,
      nextClaimant: () => `${this.id}.${++this.#claims}`,
      writeLetter: (dead) => this.#writeLetter(dead),
      observer: options.observer ?? {},
      children: childRuns(this.#journal, this.#jobs),
      correlations: correlations(this.#journal, this.#jobs),
      state: {
        store: redisStateStore({
          connection,
          send: (command) => this.#refusals.outlast(command),
          codec: options.codec,
        }),
        sealer: options.sealer,
      },
      callbacks: {
        readKey: () => this.#journal.callbackKey(),
        publicUrl: options.publicUrl ?? 'http://127.0.0.1:3000',
      },
      tellParent: (child) => tellParent(this.#journal, this.#jobs, child),
      log,
      random: options.random ?? Math.random,
      retryScale: options.retryScale ?? 1,
      draining: () => this.#draining,
      poisonAfter: options.poisonAfter ?? 25,
    });
    this.#schedules = scheduleFiring({
      ...{
        connection,
        flows: options.flows,
        codec: options.codec,
        journal: this.#journal,
        jobs: this.#jobs,
        log,
      },
    });
    this.#sweeper = new Sweeper({
      fireSchedule: this.#schedules.fire,
      workerId: this.id,
      drives: (jobId) => isUnderWay(this.#underWay, jobId),
      journal: this.#journal,
      jobs: this.#jobs,
      flows: () => this.#flows.names(),
      log,
      random: options.random ?? Math.random,
      writeLetter: (dead) => this.#writeLetter(dead),
      maySuspectOthers: () => performance.now() - this.#readySince > TRUST_AFTER_MS,
    });
    connection.on('ready', this.#onReady);
    this.#liveness = startLiveness(
      {
        workerId: this.id,
        redis: { urls, tls, namespace: namespaceOf(connection) },
        hungAfterMs: toMs(options.hungAfter ?? '5m'),
      },
      () => {
        log.error({}, 'Redis lost acknowledged writes; effects in flight are checked with their providers');
        options.onRollback?.();
      },
    );
    const concurrency = options.concurrency ?? 200;
    const places = new Places(concurrency);
    this.#workers = [
      ...this.#flows.names().map((flow) => this.#runWorker(flow, concurrency, places)),
      this.#letterWorker(),
    ];
    this.#start().catch((error: unknown) => {
      if (!this.#draining) log.error({ err: error }, 'the worker could not start');
    });
  }

  /** Takes no run before its life is proved: else nobody would notice its death. */
  async #start(): Promise<void> {
    await this.#liveness.proved;
    await this.#journal.announceFlows(this.#flows.names());
    await this.#announceVersions();
    if (this.#draining) return;
    this.#announcing = setInterval(() => void this.#announceVersions(), FLEET_EVERY_MS).unref();
    for (const worker of this.#workers) void worker.run().catch(this.#onWorkerError(worker));
    this.#sweepSoon();
  }

  /** For people who look: what this worker can run. That it cannot be said now is no trouble; it is said again. */
  async #announceVersions(): Promise<void> {
    const versions = this.#flows.names().map((name) => [name, this.#flows.versions(name)] as const);
    await this.#journal.announceVersions(this.id, versions, FLEET_HOLDS_MS).catch(() => {});
  }

  async check(): Promise<void> {
    await this.#options.connection.ping();
    if (this.#refusals.refusing) throw new Error('redis takes no writes');
  }

  async close(grace: DurationInput = '10s'): Promise<void> {
    if (this.#draining) return;
    this.#draining = true;
    clearInterval(this.#announcing);
    const cutOff = setTimeout(() => {
      for (const calls of this.#underWay.keys()) calls.giveUp('worker_stops');
      this.#stopped.abort();
    }, toMs(grace));
    const graceMs = this.#underWay.size > 0 ? toMs(grace) : 0;
    const signedOff = await within(graceMs + LEAVE_MS, this.#leave());
    clearTimeout(cutOff);
    if (signedOff) return;
    this.#stopped.abort();
    clearTimeout(this.#sweepTimer);
    for (const worker of this.#workers) worker.close(true).catch(this.#onWorkerError(worker));
    await this.#liveness.stop();
    this.#options.log.warn(
      {},
      'the worker stopped while Redis was unreachable; other workers take over its runs',
    );
  }

  async #leave(): Promise<void> {
    await Promise.all(this.#workers.map(closeOnceConnected));
    this.#stopped.abort();
    clearTimeout(this.#sweepTimer);
    await this.#sweeping;
    this.#options.connection.off('ready', this.#onReady);
    await this.#liveness.stop();
    await this.#journal.signOff(this.id).catch(() => {});
    await this.#jobs.close();
    await this.#schedules.close();
  }

  #runWorker(flow: string, concurrency: number, places: Places): BullWorker {
    const process = runProcessor(
      this.#executor,
      flow,
      this.#underWay,
      (runId) => this.#sweeper.drop(runId),
      (command) => this.#refusals.outlast(command),
      this.#options.classify,
    );
    const counted: Processor<RunJob> = async (job, token) => {
      this.#liveness.setBusy(true);
      try {
        await process(job, token);
      } finally {
        this.#liveness.setBusy(this.#underWay.size > 0);
      }
    };
    const worker = new RunQueue(flow, counted, { ...this.#bullOptions(), concurrency }, places);
    worker.on('lockRenewalFailed', (jobIds) => {
      for (const [calls, jobId] of this.#underWay)
        if (jobIds.includes(jobId)) void this.#giveUpIfTaken(calls, jobId);
    });
    return this.#watched(worker);
  }

  /** BullMQ's lock alone says nothing: a busy event loop loses it. Whose the run is, the journal says. */
  async #giveUpIfTaken(calls: Calls, jobId: string): Promise<void> {
    const run = await this.#journal.whereIs(runIdOfJob(jobId)).catch(() => undefined);
    if (run && workerOf(run.owner) !== this.id) calls.giveUp('run_lost');
  }

  async #writeLetter(dead: DeadRun): Promise<void> {
    // whoever listens must not keep the letter from being written
    await this.#options.onDeath?.(dead).catch((error: unknown) => {
      this.#options.log.error(
        { err: error, run: dead.runId },
        'onDeath failed; the dead letter is written anyway',
      );
    });
    await writeLetter(this.#jobs, this.#journal, dead);
  }

  #letterWorker(): BullWorker {
    const worker = new BullWorker<Letter, string>(
      DEAD_LETTERS,
      (job: Job<Letter>) => processLetter(this.#jobs, this.#journal, job),
      { ...this.#bullOptions(), concurrency: 10 },
    );
    return this.#watched(worker);
  }

  #bullOptions(): BullWorkerOptions & { readonly connection: Redis | Cluster } {
    return {
      connection: this.#options.connection,
      prefix: tagOf(this.#options.connection),
      lockDuration: toMs(this.#options.lock ?? '30s'),
      stalledInterval: toMs(this.#options.stalledCheck ?? '15s'),
      // a run is given up by its own count of claims, never by BullMQ's of stalls
      maxStalledCount: 1_000_000,
      runRetryDelay: 500,
      drainDelay: DRAIN_DELAY_S,
      autorun: false,
    };
  }

  #watched<T extends BullWorker>(worker: T): T {
    worker.on('error', this.#onWorkerError(worker));
    worker.on('failed', (job, error) => {
      if (worker.name === DEAD_LETTERS) return;
      this.#options.log.error(
        { err: error, run: job?.data?.runId, flow: worker.name },
        'run dropped; its alarm re-enqueues it',
      );
    });
    return worker;
  }

  #onWorkerError(worker: BullWorker): (error: Error) => void {
    return (error) => {
      if (isRefusal(error)) {
        if (!this.#refusals.refusing) {
          this.#refusals.note(error);
          this.#probe();
        }
        return;
      }
      this.#options.log.debug({ err: error, queue: worker.name }, 'bullmq worker');
    };
  }

  #pause(): void {
    for (const worker of this.#workers) void worker.pause(true).catch(() => {});
  }

  #resume(): void {
    if (this.#draining) return;
    for (const worker of this.#workers) worker.resume();
  }

  /** A write of our own tells when Redis takes writes again. */
  #probe(): void {
    this.#journal.proveLife(this.id, this.#liveness.holdsMs, 0).catch(() => {});
  }

  readonly #onReady = () => {
    this.#readySince = performance.now();
    this.#sweeper.reconnected();
  };

  #sweepSoon(afterMs = SWEEP_MS): void {
    this.#sweepTimer = setTimeout(() => {
      this.#sweeping = this.#sweep().then((nextMs) => {
        if (!this.#draining) this.#sweepSoon(nextMs);
      });
    }, afterMs);
  }

  /** @returns after how many ms to sweep again */
  async #sweep(): Promise<number | undefined> {
    if (this.#options.connection.status !== 'ready' || this.#refusals.refusing) return undefined;
    try {
      return await this.#sweeper.sweep();
    } catch (error) {
      if (!this.#draining)
        this.#options.log.warn({ err: error }, 'a sweep was cut short; the next one goes on');
      return undefined;
    }
  }
}

/** A connection that ioredis is told to close between two tries to reconnect never ends, and BullMQ would wait for that end. */
async function closeOnceConnected(worker: BullWorker): Promise<void> {
  const blocking = await worker.backend.blockingClient;
  if (blocking?.status === 'reconnecting')
    await new Promise<void>((resolve) => blocking.once('ready', resolve));
  await worker.close();
}

/** @returns whether it was done in time */
async function within(ms: number, done: Promise<void>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), ms);
  });
  return Promise.race([done.then(() => true as const), late]).finally(() => clearTimeout(timer));
}
