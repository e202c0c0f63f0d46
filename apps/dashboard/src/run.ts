import { createLogger, onShutdown, watchSecretFiles } from '@holdfast/app-kit';
import type { FlowContract } from '@holdfast/engine';
import { readDashboardConfig } from './config.ts';
import { startDashboard } from './server.ts';

/**
 * The dashboard as a process of its own, configured by the environment, until it is told to stop.
 * @param contracts every version of a flow that a run may be at
 */
export async function runDashboard(contracts: readonly FlowContract[]): Promise<void> {
  const config = readDashboardConfig();
  const log = createLogger('dashboard', config.logLevel);
  const dashboard = await startDashboard(config, contracts, log);
  log.info({ url: dashboard.url }, 'the dashboard is listening');
  watchSecretFiles(process.env, log, () => dashboard.useSecretsOf(readDashboardConfig()));
  onShutdown(log, 10_000, dashboard.close);
}
