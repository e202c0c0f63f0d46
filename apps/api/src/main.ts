import { runMain } from '@holdfast/app-kit';
import { loadConfig } from '@holdfast/project';
import { runApi } from './run.ts';

runMain(async () => runApi(await loadConfig()));
