import { expect, it } from 'vitest';
import { ORDERS, type Order } from './orders.ts';
import { isOver, type RunRecord } from './records.ts';
import { type Killed, useTestSystem } from './system.ts';

const system = useTestSystem({ workers: 2 });

const LOAD = 100;
const CLIENTS = 16;

/** Of ten orders, seven can be fulfilled. */
const MIX: readonly (readonly [Order, RunRecord['status']])[] = [
  ...Array.from({ length: 7 }, () => [ORDERS.good, 'completed'] as const),
  [ORDERS.declined, 'failed'],
  [ORDERS.outOfStock, 'failed'],
  [ORDERS.badAddress, 'failed'],
];

/** Places a hundred orders from many clients. @param at what happens when so many have been accepted */
async function placeMany(
  name: string,
  at: Readonly<Record<number, () => void>>,
): Promise<RunRecord['status'][]> {
  const left = Array.from({ length: LOAD }, (_, i) => i);
  const placed: { readonly run: RunRecord; readonly expected: RunRecord['status'] }[] = [];
  const client = async () => {
    for (let i = left.shift(); i !== undefined; i = left.shift()) {
      const [order, expected] = MIX[i % MIX.length] ?? expect.fail('the mix is empty');
      placed.push({ run: await system().shop.placeSurely(order, `${name}-${i}`), expected });
      at[placed.length]?.();
    }
  };
  const clients = await Promise.allSettled(Array.from({ length: CLIENTS }, client));
  const gaveUp = clients.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : []));
  expect(placed.length, gaveUp.join('\n')).toBeGreaterThanOrEqual(LOAD * 0.95);
  const statuses: RunRecord['status'][] = [];
  // one after the other: a hundred that ask at once would keep the processors from the workers
  for (const { run, expected } of placed) {
    const { id, status } = await system().shop.end(run);
    expect(status, `${id} of ${run.idempotencyKey}`).toBe(expected);
    statuses.push(status);
  }
  return statuses;
}

/** Holds that the kill came in the middle: of runs, and of clients' requests. */
async function expectInTheMiddle(kills: readonly Killed[], name: string): Promise<void> {
  const { runs } = await system().facts();
  for (const { at } of kills) {
    const caught = [...runs.values()].filter((run) => run.createdAt < at && run.updatedAt > at);
    expect(caught.filter(({ status }) => isOver(status)).length).toBeGreaterThan(0);
    const later = [...runs.values()].filter(
      (run) => run.idempotencyKey.startsWith(name) && run.createdAt > at,
    );
    expect(later.length).toBeGreaterThan(0);
  }
}

function unanswered(name: string): number {
  return system().shop.log.filter(({ key, answer }) => key.startsWith(name) && answer.kind === 'unknown')
    .length;
}

it('loses nothing that was acknowledged when Redis is killed under load', async () => {
  const kills: Killed[] = [];
  const statuses = await placeMany('redis', { 30: () => kills.push(system().kill('redis')) });
  expect(new Set(statuses)).toEqual(new Set(['completed', 'failed']));
  expect(unanswered('redis')).toBeGreaterThan(0);
  await expectInTheMiddle(kills, 'redis');
  expect(await system().violations()).toEqual([]);
});

it('makes one run of each order when the API is killed under load', async () => {
  const kills: Killed[] = [];
  const statuses = await placeMany('api', { 30: () => kills.push(system().kill('api')) });
  expect(new Set(statuses)).toEqual(new Set(['completed', 'failed']));
  expect(unanswered('api')).toBeGreaterThan(0);
  await expectInTheMiddle(kills, 'api');
  expect(await system().violations()).toEqual([]);
});

it('finishes every order when one worker after the other is killed under load', async () => {
  const [first, second] = system().processes().workers;
  if (!first || !second) throw new Error('there should be two workers');
  const kills: Killed[] = [];
  const statuses = await placeMany('workers', {
    30: () => kills.push(system().kill('workers', [first.pid])),
    60: () => kills.push(system().kill('workers', [second.pid])),
  });
  expect(new Set(statuses)).toEqual(new Set(['completed', 'failed']));
  await expectInTheMiddle(kills, 'workers');
  expect(await system().violations()).toEqual([]);
});
