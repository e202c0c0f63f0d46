import { createLogger, onShutdown, watchSecretFiles } from '@holdfast/app-kit';
import type { HoldfastConfig } from '@holdfast/project';
import { readApiConfig } from './config.ts';
import { type Accepted, startApi } from './server.ts';

/** The API as a process of its own, configured by the environment, until it is told to stop. */
export async function runApi(project: Accepted & Pick<HoldfastConfig, 'webhooks'>): Promise<void> {
  const config = readApiConfig(process.env, project.webhooks);
  const log = createLogger('api', config.logLevel);
  const api = await startApi(config, project, log);
  log.info({ url: api.url }, 'the API is listening');
  watchSecretFiles(process.env, log, () => api.useSecretsOf(readApiConfig(process.env, project.webhooks)));
  onShutdown(log, 10_000, api.close);
  await api.admitted;
}
