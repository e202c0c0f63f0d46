import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { hastenNext } from '../src/dev.ts';
import { defineFlow, RejectedError, UnavailableError } from '../src/index.ts';
import { startSystem, type TestSystem } from './system.ts';

const calls: string[] = [];
const unknown = { version: 1, input: z.unknown(), output: z.unknown() };
const retry = { attempts: 5, first: '1h', max: '1h' } as const;
const failing = (name: string, failures: number) => () => {
  calls.push(name);
  if (calls.filter((each) => each === name).length <= failures)
    throw new UnavailableError({ code: 'down', message: 'down' });
};

const sleeps = defineFlow({
  ...unknown,
  name: 'sleeps',
  async run(ctx) {
    const from = ctx.now();
    await ctx.sleep('30d');
    await ctx.step('after', { whenInDoubt: 'repeat', run: failing('after', 0) });
    return from;
  },
});
const retries = defineFlow({
  ...unknown,
  name: 'retries',
  async run(ctx) {
    await ctx.step('flaky', {
      ...{ whenInDoubt: 'repeat', retry },
      run: failing('flaky', 1),
      undo: failing('undo', 1),
    });
    throw new RejectedError({ code: 'enough', message: 'enough' });
  },
});
const signalled = defineFlow({
  ...unknown,
  name: 'signalled',
  run: (ctx) => ctx.waitFor('go', { timeout: '1m' }),
});

let system: TestSystem;
beforeAll(async () => {
  system = await startSystem([sleeps, retries, signalled]);
  system.startWorker({ retryScale: 1 });
});
afterAll(() => system.close());

it('ends the wait that is over next, one at a time: retries, undos, sleeps and later starts, but no wait for a signal', async () => {
  const { connection, client } = system;
  expect(await hastenNext(connection)).toBeUndefined();
  const waits = await system.submit(signalled, null);
  const sleeping = await system.submit(sleeps, null);
  const retrying = await system.submit(retries, null);
  const begins = await client.submit({
    ...{ flow: 'sleeps', input: null, tenant: 't', idempotencyKey: 'later', fingerprint: 'f' },
    startAt: Date.now() + 90 * 24 * 60 * 60 * 1_000,
  });
  const later = 'run' in begins ? begins.run.id : '';
  for (const runId of [waits, sleeping, retrying, later]) await system.runWith(runId, 'suspended');

  expect(await hastenNext(connection)).toBe(retrying);
  await system.runThat(
    retrying,
    (run) => run.status === 'compensating' && run.waitingFor?.kind === 'retry',
    'waiting for its undo',
  );
  expect(await hastenNext(connection)).toBe(retrying);
  await system.runWith(retrying, 'failed');
  expect(calls).toEqual(['flaky', 'flaky', 'undo', 'undo']);

  expect(await hastenNext(connection)).toBe(sleeping);
  await system.runWith(sleeping, 'completed');
  expect(await hastenNext(connection)).toBe(later);
  await system.runThat(later, ({ waits }) => waits.some(({ kind }) => kind === 'timer'), 'begun');
  await system.runWith(later, 'suspended');
  expect(await hastenNext(connection)).toBe(later);
  await system.runWith(later, 'completed');
  expect(await hastenNext(connection)).toBeUndefined();
  await system.runWith(waits, 'suspended');
});
