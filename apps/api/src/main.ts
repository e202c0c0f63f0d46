import { createLogger, onShutdown, runMain } from '@holdfast/app-kit';
import { loadConfig } from '@holdfast/project';
import { readApiConfig } from './config.ts';
import { startApi } from './server.ts';

runMain(async () => {
  const accepted = await loadConfig();
  const config = readApiConfig();
  const log = createLogger('api', config.logLevel);
  const api = await startApi(config, accepted, log);
  log.info({ url: api.url }, 'the API is listening');
  onShutdown(log, 10_000, api.close);
  await api.admitted;
});
