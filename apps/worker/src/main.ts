import { createLogger, onShutdown, runMain, surviveStrayRejections } from '@holdfast/app-kit';
import { loadConfig } from '@holdfast/project';
import { startWorkerApp } from './app.ts';
import { readWorkerConfig } from './config.ts';

const STOP_WITHIN_MS = 35_000;

runMain(async () => {
  const { flows, providers = [], classify } = await loadConfig();
  const config = readWorkerConfig(providers);
  const log = createLogger('worker', config.logLevel);
  surviveStrayRejections(log);
  const worker = await startWorkerApp(config, flows, log, classify);
  log.info({ url: worker.url }, 'the worker has started');
  onShutdown(log, STOP_WITHIN_MS, worker.close);
  await worker.takesRuns;
});
