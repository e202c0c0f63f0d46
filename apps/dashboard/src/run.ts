import { createLogger, onShutdown, watchSecretFiles } from '@holdfast/app-kit';
import { readDashboardConfig } from './config.ts';
import { type Shown, startDashboard } from './server.ts';

/** The dashboard as a process of its own, configured by the environment, until it is told to stop. */
export async function runDashboard(shown: Shown): Promise<void> {
  const config = readDashboardConfig();
  const log = createLogger('dashboard', config.logLevel);
  const dashboard = await startDashboard(config, shown, log);
  log.info({ url: dashboard.url }, 'the dashboard is listening');
  watchSecretFiles(process.env, log, () => dashboard.useSecretsOf(readDashboardConfig()));
  onShutdown(log, 10_000, dashboard.close);
}
