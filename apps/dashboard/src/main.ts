import { parseArgs } from 'node:util';
import { runMain } from '@holdfast/app-kit';
import { loadConfig } from '@holdfast/project';
import { runDashboard } from './run.ts';

// no variable and no command of `holdfast` turns the fault panel on: only who starts a whole system on this machine says so
const { values } = parseArgs({ options: { 'fault-panel': { type: 'string' } } });
runMain(async () => runDashboard({ ...(await loadConfig()), processesFile: values['fault-panel'] }));
