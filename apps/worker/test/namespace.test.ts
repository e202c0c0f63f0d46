import { Store } from '@holdfast/prove';
import { waitFor } from '@holdfast/testkit';
import { expect, onTestFinished, test } from 'vitest';
import { startSystem } from './system.ts';

test('with HOLDFAST_NAMESPACE every key of API, providers and worker begins with it, and the oracle follows', async () => {
  const { redis, connection, submit, ended } = await startSystem({ HOLDFAST_NAMESPACE: 'blue' });
  const runId = await submit('key');
  expect(await ended(runId)).toMatchObject({ status: 'completed' });

  await waitFor(async () => (await connection.keys('*/health/*')).length > 0, {
    what: 'what the providers did to be counted',
    timeoutMs: 20_000,
  });
  const names = await connection.keys('*');
  expect(names.filter((name) => !name.startsWith('blue:{hf0}'))).toEqual([]);

  await connection.set('{hf0}/run/of-another-system', 1);
  const store = new Store(redis.url, 'blue');
  onTestFinished(() => store.close());
  const dump = await store.dump();
  expect(dump.keys.map(({ name }) => name)).toContain(`{hf0}/run/${runId}`);
  expect(dump.keys.map(({ name }) => name)).not.toContain('{hf0}/run/of-another-system');
  expect(dump.workers).toHaveLength(1);
});
