import { expect, it } from 'vitest';
import { inventory } from '../src/inventory.ts';
import { closing, stepCall, stepError } from './calls.ts';
import { type Answer, json, provider, reset } from './provider-server.ts';

const ITEMS = [{ quantity: 2, sku: 'TEE-M' }];
const REFERENCE = 'run_7f.1.reserve';

async function stock(...answers: Answer[]) {
  const { url, received } = await provider(...answers);
  return { received, stock: closing(inventory({ url })) };
}

it.each([200, 201])('reserves under an id of our own (%i)', async (status) => {
  const { stock: adapter, received } = await stock(json(status, { id: REFERENCE, status: 'reserved' }));
  expect(await adapter.reserve({ items: ITEMS }, stepCall('reserve'))).toEqual({ reservationId: REFERENCE });
  expect(received[0]).toMatchObject({
    line: `PUT /prefix/reservations/${REFERENCE}`,
    headers: { 'idempotency-key': 'run_7f:1:reserve', 'content-type': 'application/json' },
    body: '{"items":[{"sku":"TEE-M","quantity":2}]}',
  });
});

it('says which article is out of stock', async () => {
  const { stock: adapter } = await stock(json(409, { code: 'out_of_stock', sku: 'TEE-M', secret: 'x' }));
  const error = await stepError(adapter.reserve({ items: ITEMS }, stepCall('reserve')));
  expect(error).toMatchObject({ kind: 'rejected', code: 'out_of_stock', settlesDoubt: true });
  expect(error.details).toEqual({ provider: 'inventory', operation: 'reserve', status: 409, sku: 'TEE-M' });
});

it.each<[string, Answer, object]>([
  [
    'a reservation of another id',
    json(201, { id: 'r_9', status: 'reserved' }),
    { kind: 'in_doubt', code: 'response_unexpected' },
  ],
  [
    'problem+json',
    json(422, { code: 'bad_items', detail: 'No items.' }, { 'content-type': 'application/problem+json' }),
    { kind: 'rejected', code: 'bad_items', message: 'inventory reserve: No items.' },
  ],
  [
    'an error in no form',
    json(400, ['no']),
    { kind: 'misconfigured', code: 'not_from_provider', details: { body: '["no"]' } },
  ],
  [
    'a code that is none',
    json(400, { code: 'no such\ncode' }),
    { kind: 'misconfigured', code: 'not_from_provider' },
  ],
  ['a 502', json(502, {}), { kind: 'in_doubt', code: 'http_502' }],
  ['a reset', reset(), { kind: 'in_doubt', code: 'connection_reset' }],
])('that meets %s', async (_what, answer, expected) => {
  const { stock: adapter } = await stock(answer);
  expect(await stepError(adapter.reserve({ items: ITEMS }, stepCall('reserve')))).toMatchObject(expected);
});

it.each<[string, Answer]>([
  ['gone now', (response) => response.writeHead(204).end()],
  ['gone before', json(404, { code: 'reservation_not_found' })],
])('releases: %s', async (_what, answer) => {
  const { stock: adapter, received } = await stock(answer);
  await adapter.release(
    { reservationId: REFERENCE },
    stepCall('reserve', { idempotencyKey: 'run_7f:1:reserve:undo' }),
  );
  expect(received[0]).toMatchObject({
    line: `DELETE /prefix/reservations/${REFERENCE}`,
    headers: { 'idempotency-key': 'run_7f:1:reserve:undo' },
    body: '',
  });
});

it('a release that is not done is an error', async () => {
  const { stock: adapter } = await stock(json(500, {}));
  const release = adapter.release({ reservationId: REFERENCE }, stepCall('reserve'));
  expect(await stepError(release)).toMatchObject({ kind: 'in_doubt', code: 'http_500' });
});
