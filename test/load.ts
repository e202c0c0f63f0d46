import { ORDERS, type Order, type RunRecord } from '@holdfast/prove';
import { expect } from 'vitest';
import type { TestSystem } from './system.ts';

const LOAD = 100;
const CLIENTS = 16;

/** Of ten orders, seven can be fulfilled. */
const MIX: readonly (readonly [Order, RunRecord['status']])[] = [
  ...Array.from({ length: 7 }, () => [ORDERS.good, 'completed'] as const),
  [ORDERS.declined, 'failed'],
  [ORDERS.outOfStock, 'failed'],
  [ORDERS.badAddress, 'failed'],
];

/** Places a hundred orders from many clients, and waits for the end of each. @param at what happens when so many have been accepted */
export async function placeMany(
  system: TestSystem,
  name: string,
  at: Readonly<Record<number, () => void>>,
): Promise<RunRecord['status'][]> {
  const left = Array.from({ length: LOAD }, (_, i) => i);
  const placed: { readonly run: RunRecord; readonly expected: RunRecord['status'] }[] = [];
  const client = async () => {
    for (let i = left.shift(); i !== undefined; i = left.shift()) {
      const [order, expected] = MIX[i % MIX.length] ?? expect.fail('the mix is empty');
      placed.push({ run: await system.shop.placeSurely(order, `${name}-${i}`), expected });
      at[placed.length]?.();
    }
  };
  const clients = await Promise.allSettled(Array.from({ length: CLIENTS }, client));
  const gaveUp = clients.flatMap((each) => (each.status === 'rejected' ? [String(each.reason)] : []));
  expect(placed.length, gaveUp.join('\n')).toBeGreaterThanOrEqual(LOAD * 0.95);
  const statuses: RunRecord['status'][] = [];
  // one after the other: a hundred that ask at once would keep the processors from the workers
  for (const { run, expected } of placed) {
    const { id, status } = await system.shop.end(run);
    expect(status, `${id} of ${run.idempotencyKey}`).toBe(expected);
    statuses.push(status);
  }
  return statuses;
}
