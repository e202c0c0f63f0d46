import { expect, test } from 'vitest';
import { start } from './harness.ts';

const ITEMS = [
  { sku: 'TEE-M', quantity: 2 },
  { sku: 'MUG', quantity: 1 },
];

test('a reservation is made once under its id, whatever the order of its items', async () => {
  const { json, ledger } = await start();
  const path = '/inventory/reservations/run_1.1.reserve';
  const reserved = { id: 'run_1.1.reserve', status: 'reserved' };
  const key = { 'idempotency-key': 'run_1:1:reserve' };
  expect(await json('PUT', path, { items: ITEMS }, key)).toMatchObject({ status: 201, body: reserved });
  expect(await json('PUT', path, { items: ITEMS })).toMatchObject({ status: 200, body: reserved });
  expect(await json('PUT', path, { items: ITEMS.toReversed() })).toMatchObject({ status: 200 });
  expect(await json('PUT', path, { items: ITEMS.slice(1) })).toMatchObject({
    status: 409,
    body: { code: 'reservation_conflict' },
  });
  expect(await ledger()).toMatchObject([
    {
      provider: 'inventory',
      operation: 'reserve',
      reference: 'run_1.1.reserve',
      idempotencyKey: 'run_1:1:reserve',
      skus: ['MUG', 'TEE-M'],
    },
  ]);
});

test('what is sold out is refused by its SKU, and nothing is held', async () => {
  const { json, operations } = await start();
  const items = [...ITEMS, { sku: 'SOLD-OUT-HAT', quantity: 1 }];
  expect(await json('PUT', '/inventory/reservations/r1', { items })).toMatchObject({
    status: 409,
    body: { code: 'out_of_stock', sku: 'SOLD-OUT-HAT' },
  });
  expect(await operations()).toEqual([]);
});

test('releasing is idempotent, and a released reservation can be made anew', async () => {
  const { json, operations } = await start();
  const path = '/inventory/reservations/r1';
  expect((await json('DELETE', path)).status).toBe(204);
  expect(await operations()).toEqual([]);
  await json('PUT', path, { items: ITEMS });
  expect((await json('DELETE', path)).status).toBe(204);
  expect((await json('DELETE', path)).status).toBe(204);
  expect(await operations()).toEqual(['reserve', 'release']);
  expect((await json('PUT', path, { items: ITEMS })).status).toBe(201);
});

test('rubbish is refused with the path of each fault', async () => {
  const { json, url } = await start();
  const path = '/inventory/reservations/r1';
  const items = [{ sku: '', quantity: 1.5 }];
  expect(await json('PUT', path, { items })).toMatchObject({
    status: 422,
    body: { code: 'invalid_request', errors: [{ path: 'items.0.sku' }, { path: 'items.0.quantity' }] },
  });
  expect(await json('PUT', path, { items: [] })).toMatchObject({ status: 422 });
  const broken = await fetch(`${url}${path}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: '{"items":',
  });
  expect([broken.status, await broken.json()]).toMatchObject([400, { code: 'invalid_json' }]);
  const text = await fetch(`${url}${path}`, { method: 'PUT', body: 'items' });
  expect([text.status, await text.json()]).toMatchObject([415, { code: 'unsupported_media_type' }]);
  expect(await json('GET', path)).toMatchObject({ status: 404, body: { code: 'not_found' } });
});
