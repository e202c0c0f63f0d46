import { setTimeout } from 'node:timers/promises';
import { waitFor } from '@holdfast/testkit';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow } from '../../src/index.ts';
import { startSystem, type TestSystem } from '../system.ts';

/** As many queues as a shop has. */
const flows = ['order', 'payment', 'refund', 'webhook'].map((name) =>
  defineFlow({ name, version: 1, input: z.unknown(), output: z.unknown(), run: async () => 'done' }),
);

let system: TestSystem;
beforeEach(async () => {
  system = await startSystem(flows);
});
afterEach(() => system.close());

const info = async (section: string, name: string) =>
  Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(await system.connection.info(section))?.[1]);
const commands = () => info('stats', 'total_commands_processed');
const aofBytes = () => info('persistence', 'aof_current_size');
const proof = async (id: string) => Number(await system.connection.zscore('{hf0}/workers', id)) - Date.now();

it('an idle worker costs at most 10 commands a second and a megabyte of AOF an hour, and is as quick as ever', {
  timeout: 90_000,
}, async () => {
  const worker = system.startWorker();
  const [flow] = flows;
  if (!flow) throw new Error('no flow');
  await system.runWith(await system.submit(flow, null), 'completed');
  await waitFor(async () => (await proof(worker.id)) > 5_000, {
    what: 'the worker to prove its life seldom',
    timeoutMs: 30_000,
  });

  const before = { commands: await commands(), aofBytes: await aofBytes(), at: performance.now() };
  await setTimeout(20_000);
  const seconds = (performance.now() - before.at) / 1_000;
  expect(((await commands()) - before.commands) / seconds).toBeLessThan(10);
  expect((((await aofBytes()) - before.aofBytes) / seconds) * 3_600).toBeLessThan(1_000_000);

  // a worker that dies with its first run after that is noticed as soon as any other
  await system.runWith(await system.submit(flow, null), 'completed');
  expect(await proof(worker.id)).toBeLessThanOrEqual(1_100);
});
