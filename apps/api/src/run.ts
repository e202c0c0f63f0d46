import { createLogger, onShutdown, watchSecretFiles } from '@holdfast/app-kit';
import { readApiConfig } from './config.ts';
import { type Accepted, startApi } from './server.ts';

/** The API as a process of its own, configured by the environment, until it is told to stop. */
export async function runApi(accepted: Accepted): Promise<void> {
  const config = readApiConfig();
  const log = createLogger('api', config.logLevel);
  const api = await startApi(config, accepted, log);
  log.info({ url: api.url }, 'the API is listening');
  watchSecretFiles(process.env, log, () => api.useSecretsOf(readApiConfig()));
  onShutdown(log, 10_000, api.close);
  await api.admitted;
}
