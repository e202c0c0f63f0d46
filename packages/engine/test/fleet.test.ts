import { waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient, defineFlow, lackOf, readFleet, readOverview } from '../src/index.ts';
import { keys } from '../src/testing.ts';
import { startSystem, type TestSystem } from './system.ts';

const flow = (name: string, version: number) =>
  defineFlow({ ...{ name, version, input: z.unknown(), output: z.unknown() }, run: async () => null });
const [order2, order3, checkout] = [flow('order', 2), flow('order', 3), flow('checkout', 1)];

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem([order2]);
});
afterAll(() => system.close());

it('tells which flows and versions no live worker has, and stops telling so when one comes', async () => {
  const { connection, client } = system;
  const worker = system.startWorker();
  await system.runWith(await system.submit(order2, 1), 'completed');
  const other = createClient({ connection, flows: [order3, checkout] });
  for (const name of ['order', 'checkout', 'checkout-2']) {
    const flowName = name.replace('-2', '');
    await other.submit({
      ...{ flow: flowName, input: null, tenant: 't', idempotencyKey: name, fingerprint: name },
    });
  }
  await other.close();
  expect(await readFleet(connection)).toEqual({ workers: 1, versions: { order: [2] } });
  const overview = await readOverview(connection);
  expect(overview.stranded).toEqual([
    { flow: 'checkout', version: 1, lacks: 'flow', runs: 2 },
    { flow: 'order', version: 3, lacks: 'version', runs: 1 },
  ]);
  expect(overview.flows).toEqual(['checkout', 'order']);

  // a worker that does not say what it has, as those of 0.1, may have anything
  const [id = ''] = await connection.zrange(keys.workers, '0', '0');
  const said = await connection.get(keys.fleet(id));
  await connection.del(keys.fleet(id));
  expect((await readOverview(connection)).stranded).toEqual([]);
  await connection.set(keys.fleet(id), said ?? '', 'PX', 60_000);
  expect(await connection.pttl(keys.fleet(id))).toBeGreaterThan(0);

  const able = system.startWorker({ flows: [order3, checkout] });
  await waitFor(async () => (await readOverview(connection)).stranded.length === 0, { what: 'no lack' });
  await waitFor(async () => (await client.listRuns('t')).runs.every(({ status }) => status === 'completed'), {
    what: 'all to be completed',
    timeoutMs: 15_000,
  });
  await Promise.all([worker.close('1s'), able.close('1s')]);
  expect(await readFleet(connection)).toEqual({ workers: 0, versions: {} });
  expect(await connection.keys('{hf0}/fleet/*')).toEqual([]);
  const run = { flow: 'order', version: 2 } as const;
  expect(lackOf(await readFleet(connection), { ...run, status: 'pending' })).toBe('flow');
  expect(lackOf(await readFleet(connection), { ...run, status: 'completed' })).toBeUndefined();
}, 30_000);
