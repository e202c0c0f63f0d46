export {
  type ConnectedWorker,
  connectWorker,
  type RunningWorker,
  type Runs,
  runsOf,
  startWorkerApp,
} from './app.ts';
export { readWorkerConfig, type WorkerConfig } from './config.ts';
export { runWorker } from './run.ts';
