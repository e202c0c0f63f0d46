import { type Fault, FULFILLED, ORDERS, type RunRecord } from '@holdfast/prove';
import { waitFor } from '@holdfast/testkit';
import { beforeAll, expect, it } from 'vitest';
import { useTestSystem } from './system.ts';

const system = useTestSystem({ workers: 2 });

const CHARGE = { provider: 'payment', operation: 'charge' } as const;
const RESERVE = { provider: 'inventory', operation: 'reserve' } as const;
const LABEL = { provider: 'shipping', operation: 'label' } as const;

/** As often as a step is tried. */
const ATTEMPTS = 8;

/** Says no to all attempts of one order, without any doubt that nothing happened. */
const down = (operation: Pick<Fault, 'provider' | 'operation'>) =>
  system().sandbox.fault({ ...operation, fault: 'error', status: 503, retryAfter: 0, times: ATTEMPTS });

let unshipped: RunRecord;
let unreserved: RunRecord;
let uncharged: RunRecord;

/** Three orders whose attempts are used up, each at another step: the one that comes furthest first. */
beforeAll(async () => {
  const dead: Promise<RunRecord>[] = [];
  for (const operation of [LABEL, RESERVE, CHARGE]) {
    await down(operation);
    const run = await system().shop.placeSurely(ORDERS.good, `dead-at-${operation.operation}`);
    const there = async () => (await system().shop.run(run.id))?.steps.some((step) => step.attempts > 1);
    await waitFor(there, { what: `an attempt of ${operation.operation} to fail`, timeoutMs: 20_000 });
    dead.push(system().shop.end(run));
  }
  [unshipped, unreserved, uncharged] = (await Promise.all(dead)) as [RunRecord, RunRecord, RunRecord];
});

it('parks orders whose attempts are used up, with nothing undone', async () => {
  const completed = { status: 'completed' };
  expect(unshipped).toMatchObject({
    ...{ status: 'dead', error: { kind: 'exhausted', code: 'sandbox_fault', step: 'ship' } },
    steps: [completed, completed, { name: 'ship', status: 'failed' }],
  });
  expect(unreserved).toMatchObject({
    ...{ status: 'dead', error: { kind: 'exhausted', step: 'reserve' } },
    steps: [completed, { name: 'reserve', status: 'failed' }],
  });
  expect(uncharged).toMatchObject({
    ...{ status: 'dead', error: { kind: 'exhausted', step: 'charge' } },
    steps: [{ name: 'charge', status: 'failed' }],
  });
  expect(await system().sandbox.countsOf(unshipped.id)).toEqual({ charge: 1, reserve: 1 });
  expect(await system().sandbox.countsOf(unreserved.id)).toEqual({ charge: 1 });
  expect(await system().sandbox.countsOf(uncharged.id)).toEqual({});
  expect(await system().sandbox.pending()).toEqual([]); // each attempt was made
});

it('shows a letter for each under Failed, with its reason', async () => {
  for (const run of [unshipped, unreserved, uncharged]) {
    const letter = await system().board.letterOf(run.id);
    expect(letter.failedReason).toContain(run.error?.message);
  }
  expect(await system().violations()).toEqual([]);
});

it('lets nobody press Retry without logging in', async () => {
  const letter = await system().board.letterOf(unshipped.id);
  expect(await system().board.retry(letter, {})).toBe(401);
  expect(await system().shop.run(unshipped.id)).toEqual(unshipped);
});

it('redrives once when Retry is pressed twice', async () => {
  const letter = await system().board.letterOf(unshipped.id);
  const pressed = await Promise.all([system().board.retry(letter), system().board.retry(letter)]);
  expect(Math.min(...pressed)).toBeLessThan(300);
  await system().shop.runThat(unshipped.id, ['completed']);
  expect(await system().board.retry(letter)).toBe(409);
  expect(await system().sandbox.countsOf(unshipped.id)).toEqual(FULFILLED);
});

it('buries an order again that is redriven too early, with a letter of its own', async () => {
  const first = await system().board.letterOf(uncharged.id);
  await down(RESERVE);
  expect(await system().board.retry(first)).toBeLessThan(300);
  const own = async () =>
    (await system().board.failedLetters()).filter(({ data }) => data.runId === uncharged.id);
  const second = await waitFor(async () => (await own()).find(({ id }) => id !== first.id), {
    what: 'a second letter',
    timeoutMs: 20_000,
  });
  expect(await own()).toEqual([second]);
  expect(await system().shop.run(uncharged.id)).toMatchObject({
    ...{ status: 'dead', error: { kind: 'exhausted', step: 'reserve' } },
    steps: [
      { name: 'charge', status: 'completed' },
      { name: 'reserve', status: 'failed' },
    ],
  });
});

it('goes on from the steps that failed when Retry all is pressed, with one charge each', async () => {
  await system().board.retryAll();
  for (const { id } of [unreserved, uncharged]) {
    await system().shop.runThat(id, ['completed']);
    expect(await system().sandbox.countsOf(id)).toEqual(FULFILLED);
  }
});

it('says in doubt when nobody knows whether the last attempt had its effect', async () => {
  await system().sandbox.fault({ ...RESERVE, fault: 'error', status: 503, times: ATTEMPTS });
  const run = await system().shop.fulfil(ORDERS.good, 'in-doubt');
  expect(run).toMatchObject({ status: 'dead', error: { kind: 'in_doubt', step: 'reserve' } });
  await system().board.retry(await system().board.letterOf(run.id));
  await system().shop.runThat(run.id, ['completed']);
  expect(await system().sandbox.countsOf(run.id)).toEqual(FULFILLED);
});

it('leaves all as it must be', async () => {
  expect(await system().board.failedLetters()).toEqual([]);
  expect(await system().violations()).toEqual([]);
});
