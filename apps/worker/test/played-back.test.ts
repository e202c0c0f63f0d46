import { expect, it } from 'vitest';
import { ORDER, startSystem } from './system.ts';

it('a charge that fails with a 500 under its key, and under the next one too, is made once', async () => {
  const { fault, submit, ended, ledger } = await startSystem();
  await fault({ provider: 'payment', operation: 'charge', fault: 'error', status: 500, times: 1 });
  const first = await ended(await submit('order-1'));
  expect(first.status).toBe('completed');

  // the second strikes the first key's playback, the third what comes under the next key
  await fault({ provider: 'payment', operation: 'charge', fault: 'error', status: 500, times: 3 });
  const second = await ended(await submit('order-2'));
  expect(second.status).toBe('completed');

  const charges = (await ledger()).filter(({ operation }) => operation === 'charge');
  expect(charges.map(({ reference, idempotencyKey }) => [reference, idempotencyKey])).toEqual([
    [first.id, `${first.id}:1:charge:3`],
    [second.id, `${second.id}:1:charge:5`],
  ]);
});

it('a refund that fails with a 500 under its key pays back once', async () => {
  const { fault, submit, ended, ledger } = await startSystem();
  await fault({ provider: 'payment', operation: 'refund', fault: 'error', status: 500, times: 1 });
  const run = await ended(
    await submit('order-1', {
      items: [{ ...ORDER.items[0], sku: 'SOLD-OUT-1', quantity: 1, unitAmount: 5 }],
    }),
  );
  expect(run.status).toBe('failed');
  const refunds = (await ledger()).filter(({ operation }) => operation === 'refund');
  expect(refunds).toEqual([expect.objectContaining({ reference: run.id })]);
  expect(refunds[0]?.idempotencyKey).toBe(`${run.id}:1:charge:undo:3`);
});
