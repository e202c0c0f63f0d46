import {
  createLogger,
  type Logger,
  onShutdown,
  surviveStrayRejections,
  watchSecretFiles,
} from '@holdfast/app-kit';
import type { HoldfastConfig } from '@holdfast/project';
import { type RunningWorker, runsOf, startWorkerApp } from './app.ts';
import { readWorkerConfig, type WorkerConfig } from './config.ts';

const STOP_WITHIN_MS = 35_000;

/** A worker as a process of its own, configured by the environment, until it is told to stop. */
export async function runWorker(project: HoldfastConfig): Promise<void> {
  const config = readWorkerConfig(project.providers ?? []);
  const log = createLogger('worker', config.logLevel);
  surviveStrayRejections(log);
  const worker = await startWorkerApp(config, project.flows, log, runsOf(project));
  log.info({ url: worker.url }, 'the worker has started');
  const kept = new KeptWorker(worker, config, project, log);
  watchSecretFiles(process.env, log, () => kept.useSecretsOf(readWorkerConfig(project.providers ?? [])));
  onShutdown(log, STOP_WITHIN_MS, () => kept.close());
  await worker.takesRuns;
}

/** The worker of this process, and the next one when it has to log in elsewhere. */
class KeptWorker {
  #changing: Promise<void> = Promise.resolve();
  #closing = false;

  constructor(
    private worker: RunningWorker,
    private config: WorkerConfig,
    private readonly project: HoldfastConfig,
    private readonly log: Logger,
  ) {}

  /** Keys of providers are used at once. Another login at Redis, or secret of alerts, needs a worker that starts with it: this one ends first. */
  useSecretsOf(config: WorkerConfig): Promise<void> {
    this.#changing = this.#changing.catch(() => {}).then(() => this.#change(config));
    return this.#changing;
  }

  async #change(config: WorkerConfig): Promise<void> {
    if (this.#closing) return;
    const before = this.config;
    this.config = config;
    if (startsWith(before) === startsWith(config)) {
      this.worker.connectProviders(config);
      return;
    }
    await this.worker.close();
    if (this.#closing) return;
    try {
      this.worker = await startWorkerApp(config, this.project.flows, this.log, runsOf(this.project));
    } catch (error) {
      this.#end(error);
    }
    this.worker.takesRuns.catch((error: unknown) => this.#end(error));
  }

  /** Without a worker the process is of no use; whoever started it starts it again. */
  #end(error: unknown): never {
    this.log.error({ err: error }, 'the worker could not start with the changed secrets');
    process.exit(1);
  }

  async close(): Promise<void> {
    this.#closing = true;
    await this.#changing.catch(() => {});
    await this.worker.close();
  }
}

function startsWith({ redis, alerts }: WorkerConfig): string {
  return JSON.stringify([redis, alerts]);
}
