import { createLogger, onShutdown, surviveStrayRejections } from '@holdfast/app-kit';
import type { HoldfastConfig } from '@holdfast/project';
import { runsOf, startWorkerApp } from './app.ts';
import { readWorkerConfig } from './config.ts';

const STOP_WITHIN_MS = 35_000;

/** A worker as a process of its own, configured by the environment, until it is told to stop. */
export async function runWorker(project: HoldfastConfig): Promise<void> {
  const { flows, providers = [] } = project;
  const config = readWorkerConfig(providers);
  const log = createLogger('worker', config.logLevel);
  surviveStrayRejections(log);
  const worker = await startWorkerApp(config, flows, log, runsOf(project));
  log.info({ url: worker.url }, 'the worker has started');
  onShutdown(log, STOP_WITHIN_MS, worker.close);
  await worker.takesRuns;
}
