import { runMain } from '@holdfast/app-kit';
import { loadConfig } from '@holdfast/project';
import { runDashboard } from './run.ts';

runMain(async () => runDashboard(await loadConfig()));
