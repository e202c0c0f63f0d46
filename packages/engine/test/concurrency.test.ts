import { waitFor } from '@holdfast/testkit';
import { afterEach, expect, it } from 'vitest';
import { z } from 'zod';
import { defineFlow } from '../src/index.ts';
import { startSystem, type TestSystem } from './system.ts';

let system: TestSystem | undefined;
afterEach(async () => {
  await system?.close();
  system = undefined;
});

/** Three flows whose steps last until they are let go. */
function busyFlows() {
  const underWay = new Map<string, string>();
  const letGo = new Set<() => void>();
  const done: string[] = [];
  let most = 0;
  const flows = ['red', 'green', 'blue'].map((name) =>
    defineFlow({
      name,
      version: 1,
      input: z.unknown(),
      output: z.unknown(),
      run: async (ctx) => {
        await ctx.step('work', {
          whenInDoubt: 'repeat',
          run: ({ runId }) =>
            new Promise<void>((resolve) => {
              underWay.set(runId, name);
              most = Math.max(most, underWay.size);
              const end = () => {
                letGo.delete(end);
                underWay.delete(runId);
                done.push(name);
                resolve();
              };
              letGo.add(end);
            }),
        });
        return null;
      },
    }),
  );
  return {
    flows,
    underWay,
    done,
    most: () => most,
    letOneGo: () => letGo.values().next().value?.(),
    letGo: () => {
      for (const end of [...letGo]) end();
    },
  };
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

it.each([1, 2, 5])(
  'has at most %i runs at once over all its flows, and comes to all of them',
  async (concurrency) => {
    const busy = busyFlows();
    system = await startSystem(busy.flows);
    const { startWorker, submit } = system;
    for (const flow of busy.flows) for (let n = 0; n < 6; n += 1) await submit(flow, n);
    startWorker({ concurrency });
    const all = busy.flows.length * 6;
    await waitFor(
      async () => {
        if (busy.underWay.size === Math.min(concurrency, all - busy.done.length)) busy.letOneGo();
        return busy.done.length === all || undefined;
      },
      { what: 'all runs to be done', everyMs: 1, timeoutMs: 15_000 },
    );
    expect(busy.most()).toBe(concurrency);
    const lastFirst = Math.max(...busy.flows.map(({ name }) => busy.done.indexOf(name)));
    // no flow waits until another one has nothing left to do
    expect(lastFirst).toBeLessThan(concurrency + 6);
  },
);

it('starts a run of an idle flow as soon as a place is free, though another flow has a long backlog', async () => {
  const busy = busyFlows();
  const [red, , blue] = busy.flows as [(typeof busy.flows)[0], unknown, (typeof busy.flows)[0]];
  system = await startSystem(busy.flows);
  const { startWorker, submit } = system;
  for (let n = 0; n < 20; n += 1) await submit(red, n);
  startWorker({ concurrency: 4 });
  await waitFor(async () => busy.underWay.size === 4 || undefined, { what: 'all places to be taken' });
  await submit(blue, 'at last');
  await pause(300); // the worker hears of it, and has no place for it
  busy.letOneGo();
  await waitFor(async () => [...busy.underWay.values()].includes('blue') || undefined, {
    what: 'the blue run to be under way',
    timeoutMs: 3_000,
  });
  expect(busy.done).toEqual(['red']);
  expect(busy.most()).toBe(4);
});

it('leaves what it has no place for to other workers', async () => {
  const busy = busyFlows();
  const [red, , blue] = busy.flows as [(typeof busy.flows)[0], unknown, (typeof busy.flows)[0]];
  system = await startSystem(busy.flows);
  const { startWorker, submit } = system;
  startWorker({ concurrency: 2 });
  for (let n = 0; n < 2; n += 1) await submit(red, n);
  await waitFor(async () => busy.underWay.size === 2 || undefined, { what: 'the first worker to be full' });
  const second = startWorker({ concurrency: 2 });
  await second.check();
  await pause(500); // both wait for jobs of the blue flow
  for (let n = 0; n < 2; n += 1) await submit(blue, n);
  await waitFor(async () => busy.underWay.size === 4 || undefined, {
    what: 'the second worker to take them',
    timeoutMs: 3_000,
  });
});

it('closes while it has no place for what waits', async () => {
  const busy = busyFlows();
  system = await startSystem(busy.flows);
  const { startWorker, submit } = system;
  for (const flow of busy.flows) for (let n = 0; n < 3; n += 1) await submit(flow, n);
  const worker = startWorker({ concurrency: 2 });
  await waitFor(async () => busy.underWay.size === 2 || undefined, { what: 'all places to be taken' });
  const closed = worker.close('10s');
  busy.letGo();
  await closed;
  // what it had not begun was left alone
  expect(busy.done.length + busy.underWay.size).toBeLessThanOrEqual(4);
});
