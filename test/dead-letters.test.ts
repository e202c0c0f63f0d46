import { waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ORDERS } from './orders.ts';
import type { RunRecord } from './records.ts';
import { FULFILLED } from './sandbox.ts';
import { showEvidence, startTestSystem, type TestSystem } from './system.ts';

let system: TestSystem;
let dead: readonly RunRecord[];

const deadRun = (index: number) => dead[index] ?? expect.fail(`there is no dead run ${index}`);

/** Shipping is down for as long as it takes. */
beforeAll(async () => {
  system = await startTestSystem({ workers: 2 });
  await system.sandbox.fault({
    ...{ provider: 'shipping', operation: 'label', fault: 'error' },
    ...{ status: 503, retryAfter: 0, times: 10_000 },
  });
  const place = (_: unknown, i: number) => system.shop.fulfil(ORDERS.good, `dead-${i}`);
  dead = await Promise.all(Array.from({ length: 5 }, place));
});
afterAll(() => system.stop());
showEvidence(() => system);

it('parks orders whose attempts are used up, with nothing undone', async () => {
  for (const run of dead) {
    expect(run).toMatchObject({
      status: 'dead',
      error: { kind: 'exhausted', code: 'sandbox_fault', step: 'ship' },
      steps: [
        { status: 'completed' },
        { status: 'completed' },
        { name: 'ship', status: 'failed', attempts: 8 },
      ],
    });
    expect(await system.sandbox.countsOf(run.id)).toEqual({ charge: 1, reserve: 1 });
  }
});

it('shows a letter for each under Failed, with its reason', async () => {
  for (const run of dead) {
    const letter = await system.board.letterOf(run.id);
    expect(letter.failedReason).toContain(run.error?.message);
  }
  expect(await system.violations()).toEqual([]);
});

it('lets nobody press Retry without logging in', async () => {
  const letter = await system.board.letterOf(deadRun(0).id);
  expect(await system.board.retry(letter, {})).toBe(401);
  expect(await system.shop.run(deadRun(0).id)).toEqual(deadRun(0));
});

it('buries an order again when it is redriven too early, with a letter of its own', async () => {
  const first = await system.board.letterOf(deadRun(0).id);
  expect(await system.board.retry(first)).toBeLessThan(300);
  const second = await waitFor(
    async () =>
      (await system.board.failedLetters()).find(
        ({ data, id }) => data.runId === deadRun(0).id && id !== first.id,
      ),
    { what: 'a second letter' },
  );
  expect(await system.shop.run(deadRun(0).id)).toMatchObject({
    status: 'dead',
    steps: [{ attempts: 1 }, { attempts: 1 }, { name: 'ship', attempts: 16 }],
  });
  const left = await system.board.failedLetters();
  expect(left.filter(({ data }) => data.runId === deadRun(0).id)).toEqual([second]);
});

it('goes on from the step that failed once Retry is pressed', async () => {
  await system.sandbox.clearFaults();
  const letter = await system.board.letterOf(deadRun(0).id);
  expect(await system.board.retry(letter)).toBeLessThan(300);
  await system.shop.runThat(deadRun(0).id, ['completed']);
  expect(await system.sandbox.countsOf(deadRun(0).id)).toEqual(FULFILLED);
});

it('redrives once when Retry is pressed twice', async () => {
  const letter = await system.board.letterOf(deadRun(1).id);
  const pressed = await Promise.all([system.board.retry(letter), system.board.retry(letter)]);
  expect(Math.min(...pressed)).toBeLessThan(300);
  await system.shop.runThat(deadRun(1).id, ['completed']);
  expect(await system.board.retry(letter)).toBe(409);
  expect(await system.sandbox.countsOf(deadRun(1).id)).toEqual(FULFILLED);
});

it('redrives all that is left when Retry all is pressed', async () => {
  await system.board.retryAll();
  for (const { id } of dead) {
    await system.shop.runThat(id, ['completed']);
    expect(await system.sandbox.countsOf(id)).toEqual(FULFILLED);
  }
});

it('says in doubt when nobody knows whether the last attempt had its effect', async () => {
  await system.sandbox.fault({
    provider: 'inventory',
    operation: 'reserve',
    fault: 'error',
    status: 503,
    times: 8,
  });
  const run = await system.shop.fulfil(ORDERS.good, 'in-doubt');
  expect(run).toMatchObject({ status: 'dead', error: { kind: 'in_doubt', step: 'reserve' } });
  await system.board.retry(await system.board.letterOf(run.id));
  await system.shop.runThat(run.id, ['completed']);
  expect(await system.sandbox.countsOf(run.id)).toEqual(FULFILLED);
});

it('leaves all as it must be', async () => {
  expect(await system.board.failedLetters()).toEqual([]);
  expect(await system.violations()).toEqual([]);
});
