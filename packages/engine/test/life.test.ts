import { setTimeout } from 'node:timers/promises';
import { freePort, waitFor } from '@holdfast/testkit';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow } from '../src/index.ts';
import { startSystem, type TestSystem } from './system.ts';

let aborted: unknown;
const flow = (ranBy: string, seen: string[]) =>
  defineFlow({
    name: 'who',
    version: 1,
    input: z.unknown(),
    output: z.unknown(),
    run: (ctx) =>
      ctx.step('only', {
        run: async () => {
          seen.push(ranBy);
        },
        whenInDoubt: 'repeat',
      }),
  });
const patient = defineFlow({
  name: 'patient',
  version: 1,
  input: z.unknown(),
  output: z.unknown(),
  run: (ctx) =>
    ctx.step('only', {
      run: (call) =>
        new Promise((_resolve, reject) => {
          call.signal.addEventListener('abort', () => {
            aborted = call.signal.reason;
            reject(aborted);
          });
        }),
      whenInDoubt: 'repeat',
    }),
});

let system: TestSystem;
beforeEach(async () => {
  system = await startSystem([flow('', []), patient]);
});
afterEach(() => system.close());

it('a worker that cannot prove its life takes no run', async () => {
  const seen: string[] = [];
  const nowhere = `redis://127.0.0.1:${await freePort()}`;
  const mute = system.startWorker({ flows: [flow('mute', seen)], redisUrls: [nowhere] });
  await mute.check();
  const runIds = await Promise.all(Array.from({ length: 20 }, () => system.submit(flow('', []), null)));
  system.startWorker({ flows: [flow('proved', seen)] });
  for (const runId of runIds) await system.runWith(runId, 'completed');
  expect(new Set(seen)).toEqual(new Set(['proved']));
});

it('a worker that loses the lock on its job goes on: the run is still its own', async () => {
  aborted = undefined;
  system.startWorker({ lock: '200ms' });
  const runId = await system.submit(patient, null);
  const lock = `{hf0}:patient:${runId}:lock`;
  await waitFor(() => system.connection.exists(lock), { what: 'the job to be locked' });
  await system.connection.del(lock);
  await waitFor(async () => (await system.connection.exists(lock)) === 0, { what: 'the lock to be lost' });
  await setTimeout(500);
  expect(aborted).toBeUndefined();
  await system.connection.hset(`{hf0}/run/${runId}`, 'owner', '9:another.1');
  const reason = await waitFor(() => aborted, { what: 'the call to be aborted' });
  expect(String(reason)).toContain('run_lost');
});
