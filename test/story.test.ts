import { FULFILLED, ORDERS } from '@holdfast/prove';
import { expect, it } from 'vitest';
import { useTestSystem } from './system.ts';

const system = useTestSystem({ workers: 2 });

const operations = async (runId: string) =>
  (await system().sandbox.effectsOf(runId)).map(({ operation }) => operation);

it('fulfils an order with its four effects', async () => {
  const accepted = await system().shop.place(ORDERS.good, 'fulfilled');
  expect(accepted).toMatchObject({ kind: 'accepted', status: 202, replayed: false });
  const run = await system().shop.fulfil(ORDERS.good, 'fulfilled');
  expect(run).toMatchObject({ status: 'completed', generation: 1, idempotencyKey: 'fulfilled' });
  expect(run.steps.map(({ name, status, attempts }) => [name, status, attempts])).toEqual([
    ['charge', 'completed', 1],
    ['reserve', 'completed', 1],
    ['ship', 'completed', 1],
    ['email', 'completed', 1],
  ]);
  expect(await operations(run.id)).toEqual(['charge', 'reserve', 'label', 'send']);
  expect(await system().shop.place(ORDERS.good, 'fulfilled')).toMatchObject({ status: 200, replayed: true });
});

it('makes one run and one charge of a hundred equal orders at once', async () => {
  const place = () => system().shop.place(ORDERS.good, 'hundred');
  const answers = await Promise.all(Array.from({ length: 100 }, place));
  const runs = answers.map((answer) => (answer.kind === 'accepted' ? answer.run.id : JSON.stringify(answer)));
  expect(new Set(runs).size).toBe(1);
  expect(answers.filter((answer) => answer.kind === 'accepted' && !answer.replayed)).toHaveLength(1);
  const run = await system().shop.fulfil(ORDERS.good, 'hundred');
  expect(run.status).toBe('completed');
  expect(await system().sandbox.countsOf(run.id)).toEqual(FULFILLED);
});

it('refuses another order under a used key, and changes nothing', async () => {
  const run = await system().shop.fulfil(ORDERS.good, 'reused');
  const answer = await system().shop.place(ORDERS.outOfStock, 'reused');
  expect(answer).toEqual({ kind: 'refused', status: 422, code: 'idempotency_key_reused' });
  expect(await system().shop.run(run.id)).toEqual(run);
});

it.each([
  ['declined', 'card_declined'],
  ['insufficientFunds', 'card_declined'],
] as const)('fails an order with a card that is %s, without any effect', async (card, code) => {
  const run = await system().shop.fulfil(ORDERS[card], card);
  expect(run).toMatchObject({ status: 'failed', error: { code, step: 'charge', kind: 'rejected' } });
  expect(run.steps.map(({ name, status }) => [name, status])).toEqual([['charge', 'failed']]);
  expect(await operations(run.id)).toEqual([]);
});

it('refunds an order that is out of stock, once', async () => {
  const run = await system().shop.fulfil(ORDERS.outOfStock, 'out-of-stock');
  expect(run).toMatchObject({ status: 'failed', error: { code: 'out_of_stock', step: 'reserve' } });
  expect(run.steps.map(({ name, status }) => [name, status])).toEqual([
    ['charge', 'compensated'],
    ['reserve', 'failed'],
  ]);
  expect(await operations(run.id)).toEqual(['charge', 'refund']);
});

it('undoes an order with an address that nobody delivers to, the last step first', async () => {
  const run = await system().shop.fulfil(ORDERS.badAddress, 'bad-address');
  expect(run).toMatchObject({ status: 'failed', error: { code: 'invalid_address', step: 'ship' } });
  expect(run.steps.map(({ name, status }) => [name, status])).toEqual([
    ['charge', 'compensated'],
    ['reserve', 'compensated'],
    ['ship', 'failed'],
  ]);
  expect(await operations(run.id)).toEqual(['charge', 'reserve', 'release', 'refund']);
});

it('answers with the end of the run to who prefers to wait', async () => {
  const answer = await system().shop.place(ORDERS.good, 'waited-for', 20);
  expect(answer).toMatchObject({ kind: 'accepted', status: 200, run: { status: 'completed' } });
});

it('answers 202 to who does not wait long enough', async () => {
  const held = await system().sandbox.fault({
    provider: 'payment',
    operation: 'charge',
    fault: 'slow',
    delayMs: 1_500,
  });
  const answer = await system().shop.place(ORDERS.good, 'waited-in-vain', 1);
  expect(answer).toMatchObject({ kind: 'accepted', status: 202, run: { status: 'running' } });
  await system().sandbox.used(held);
  expect(await system().shop.fulfil(ORDERS.good, 'waited-in-vain')).toMatchObject({ status: 'completed' });
});

it('leaves all as it must be', async () => {
  expect(await system().violations()).toEqual([]);
});
