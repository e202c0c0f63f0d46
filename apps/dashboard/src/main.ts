import { createLogger, onShutdown, runMain } from '@holdfast/app-kit';
import { loadConfig } from '@holdfast/project';
import { readDashboardConfig } from './config.ts';
import { startDashboard } from './server.ts';

runMain(async () => {
  const { flows } = await loadConfig();
  const config = readDashboardConfig();
  const log = createLogger('dashboard', config.logLevel);
  const dashboard = await startDashboard(config, flows, log);
  log.info({ url: dashboard.url }, 'the dashboard is listening');
  onShutdown(log, 10_000, dashboard.close);
});
