import { expect, test } from 'vitest';
import { HoldfastClient } from '../src/index.ts';
import type { config } from './support/flows.ts';
import { KEY, startSystem } from './support/system.ts';

test('the API stops at once when a client has left the events of a run that still waits', async () => {
  const system = await startSystem();
  const client = new HoldfastClient<typeof config>({ url: system.url, apiKey: KEY });
  const run = await client.submit('approve', { amount: 1 });
  for await (const { status } of client.events(run.id)) if (status === 'suspended') break;
  const begun = performance.now();
  await system.stop();
  expect(performance.now() - begun).toBeLessThan(5_000);
});
