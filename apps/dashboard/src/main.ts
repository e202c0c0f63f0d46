import { createLogger, onShutdown, runMain } from '@holdfast/app-kit';
import { readDashboardConfig } from './config.ts';
import { startDashboard } from './server.ts';

runMain(async () => {
  const config = readDashboardConfig();
  const log = createLogger('dashboard', config.logLevel);
  const dashboard = await startDashboard(config, log);
  log.info({ url: dashboard.url }, 'the dashboard is listening');
  onShutdown(log, 10_000, dashboard.close);
});
