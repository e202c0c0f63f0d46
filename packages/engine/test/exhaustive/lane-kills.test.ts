import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow } from '../../src/index.ts';
import { type Outside, startOutside } from '../outside.ts';
import { startSystem, type TestSystem } from '../system.ts';

// what the fixture's workers run; the lane of a run is said when it is submitted
const parcel = defineFlow({
  name: 'parcel',
  version: 1,
  input: z.unknown(),
  output: z.unknown(),
  lane: { key: () => 'one', limit: 1 },
  run: async () => null,
});

/** Calls at which a worker is killed, once each. */
const KILLS = ['pay', 'send', 'tell'] as const;

let system: TestSystem;
let outside: Outside;
const children = new Set<ChildProcess>();
beforeEach(async () => {
  system = await startSystem([parcel]);
  outside = await startOutside();
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
  await outside.close();
  await system.close();
});

async function spawnWorker(): Promise<void> {
  const fixture = fileURLToPath(new URL('../fixtures/worker.mjs', import.meta.url));
  const settings = JSON.stringify({ retryScale: 0.01 });
  const child = spawn(process.execPath, [fixture, system.redis.url, outside.url, settings], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.add(child);
  await once(child.stdout, 'data');
}

it('with a limit of one, never two runs of a lane are under way, and none is left, however often workers are killed', {
  timeout: 120_000,
}, async () => {
  const runIds = await Promise.all(Array.from({ length: 8 }, () => system.submit(parcel, null)));
  for (const operation of KILLS)
    outside.next(operation, (call, answer) => {
      process.kill(call.pid, 'SIGKILL');
      answer.drop();
      void spawnWorker();
    });
  await Promise.all([spawnWorker(), spawnWorker()]);
  for (const runId of runIds)
    expect(await system.client.waitForEnd('t', runId, 90_000)).toMatchObject({ status: 'completed' });
  // whoever begins goes on until it ends or is parked; a run whose worker was killed may be parked until its doubt has settled
  const inOrder = outside.calls.map(({ key }) => key.split(':')[0]);
  const turns = inOrder.filter((runId, i) => runId !== inOrder[i - 1]);
  expect(turns.length).toBeLessThanOrEqual(runIds.length + KILLS.length);
  expect(new Set(turns)).toEqual(new Set(runIds));
  expect(await system.connection.keys('{hf0}/lane*')).toEqual([]);
});
