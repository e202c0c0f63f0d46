import { once } from 'node:events';
import { OperatorError } from '@holdfast/app-kit';
import '@holdfast/engine'; // whatever a config imports needs it: loaded before the save, it need not be loaded after it
import { latestOf } from './define-config.ts';
import { loadConfig } from './load-config.ts';
import { surfaceOf } from './surface.ts';

// Loads the config in a process of its own, so that each save is seen afresh, and says as JSON what is in it. It waits for a line on stdin;
// when the other end is closed instead, nobody wants to know.
const leave = () => process.exit(0);
process.stdin.once('end', leave);
await once(process.stdin, 'data');
process.stdin.off('end', leave);
try {
  const config = await loadConfig();
  const variables = (config.providers ?? []).flatMap((provider) => Object.keys(provider.variables));
  const flows = latestOf(config.flows).map(({ name }) => name);
  const webhooks = Object.keys(config.webhooks ?? {});
  console.log(JSON.stringify({ flows, variables, webhooks, surface: surfaceOf(config) }));
  process.exit(0);
} catch (error) {
  console.error(error instanceof OperatorError ? error.message : error);
  process.exit(1);
}
