import { runMain } from '@holdfast/app-kit';
import { loadConfig } from '@holdfast/project';
import { runWorker } from './run.ts';

runMain(async () => runWorker(await loadConfig()));
