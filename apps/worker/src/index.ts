export { type ConnectedWorker, connectWorker, type RunningWorker, startWorkerApp } from './app.ts';
export { readWorkerConfig, type WorkerConfig } from './config.ts';
export { runWorker } from './run.ts';
