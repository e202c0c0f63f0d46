import { createLogger, onShutdown, runMain } from '@holdfast/app-kit';
import { readApiConfig } from './config.ts';
import { startApi } from './server.ts';

runMain(async () => {
  const config = readApiConfig();
  const log = createLogger('api', config.logLevel);
  const api = await startApi(config, log);
  log.info({ url: api.url }, 'the API is listening');
  onShutdown(log, 10_000, api.close);
  await api.admitted;
});
