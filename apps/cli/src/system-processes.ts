import { OperatorError } from '@holdfast/app-kit';
import { type HoldfastConfig, loadConfig } from '@holdfast/project';
import type { Commands } from './cli.ts';

/** The processes of a system, each in the foreground; what they run is in the project's config. */
export function addProcessCommands({ program }: Commands): void {
  program
    .command('dev')
    .description(
      'runs the whole system of this project locally, with its own Redis, and reloads on every save',
    )
    .option('--workers <number>', 'worker processes (default 2)')
    .option('--reset', 'delete the data of earlier starts first')
    .action(async ({ workers, reset }: { workers?: string; reset?: true }) => {
      const { runLocal } = await import('@holdfast/local');
      const args = [...(workers === undefined ? [] : ['--workers', workers]), ...(reset ? ['--reset'] : [])];
      await runLocal(args, { watch: true });
    });
  program
    .command('api')
    .description('runs the HTTP API')
    .action(async () => {
      const config = await loadConfig();
      const { runApi } = await import('@holdfast/api');
      await runApi(config);
    });
  program
    .command('worker')
    .description('runs a worker')
    .option('--flows <names>', 'only these flows, separated by commas')
    .action(async ({ flows }: { flows?: string }) => {
      const config = some(await loadConfig(), flows);
      const { runWorker } = await import('@holdfast/worker');
      await runWorker(config);
    });
  program
    .command('dashboard')
    .description('runs the dashboard')
    .action(async () => {
      const config = await loadConfig();
      const { runDashboard } = await import('@holdfast/dashboard');
      await runDashboard(config);
    });
}

/** @throws OperatorError for a flow that the config does not have */
function some(config: HoldfastConfig, names: string | undefined): HoldfastConfig {
  if (names === undefined) return config;
  const wanted = new Set(names.split(',').map((name) => name.trim()));
  const known = new Set(config.flows.map(({ name }) => name));
  const unknown = [...wanted].filter((name) => !known.has(name));
  if (unknown.length > 0) {
    throw new OperatorError(
      `--flows: the config has no flow ${unknown.map((name) => `"${name}"`).join(', ')}; it has ${[...known].join(', ')}`,
    );
  }
  return { ...config, flows: config.flows.filter(({ name }) => wanted.has(name)) };
}
