import { expect, test } from 'vitest';
import { SALE, start } from './harness.ts';

test.each([
  ['an unknown member', { fault: 'error', colour: 'red' }, 'colour'],
  ['a member that means nothing for the fault', { fault: 'timeout', status: 500 }, 'status'],
  ['an unknown fault', { fault: 'explode' }, 'fault'],
  ['no fault', {}, 'fault'],
  ['an unknown provider', { fault: 'error', provider: 'bank' }, 'provider'],
  ['an operation of another provider', { fault: 'error', operation: 'label' }, 'operation'],
  ['no times', { fault: 'error', times: 0 }, 'times'],
  ['a status that is none', { fault: 'error', status: 200 }, 'status'],
  ['a header that would break', { fault: 'throttle', retryAfter: '1\r\nx: y' }, 'retryAfter'],
])('a fault with %s is refused, saying where', async (_, fault, path) => {
  const { json } = await start();
  const answer = await json('POST', '/_control/faults', { provider: 'payment', ...fault });
  expect(answer).toMatchObject({ status: 422, body: { code: 'invalid_request', errors: [{ path }] } });
  expect((await json('GET', '/_control/faults')).body).toEqual([]);
});

test('rubbish, prototype tricks and what is not JSON are refused', async () => {
  const { url, json } = await start();
  for (const [body, status] of [
    ['{"provider":', 400],
    ['{"__proto__":{"provider":"payment"}}', 400],
    ['', 400],
    ['[]', 422],
    [JSON.stringify({ provider: 'payment', fault: 'x'.repeat(2_000_000) }), 413],
  ] as const) {
    const headers = { 'content-type': 'application/json' };
    const response = await fetch(`${url}/_control/faults`, { method: 'POST', headers, body });
    expect([response.status, await response.json()]).toMatchObject([status, { code: expect.any(String) }]);
  }
  expect(await json('GET', '/_control/ledger?colour=red')).toMatchObject({ status: 422 });
  expect(await json('GET', '/_control/nothing')).toMatchObject({ status: 404 });
});

test('the faults to come are listed, counted down and cleared', async () => {
  const { json, fault, operations } = await start();
  await fault({ provider: 'inventory', fault: 'error', times: 2 ** 40 });
  await fault({ provider: 'email', fault: 'slow' });
  await json('DELETE', '/inventory/reservations/r1');
  expect((await json('GET', '/_control/faults')).body).toEqual([
    {
      id: 1,
      provider: 'inventory',
      operation: '*',
      fault: 'error',
      status: 500,
      delayMs: 0,
      times: 2 ** 40 - 1,
    },
    { id: 2, provider: 'email', operation: '*', fault: 'slow', delayMs: 1000, times: 1 },
  ]);
  expect((await json('DELETE', '/_control/faults')).status).toBe(204);
  expect((await json('DELETE', '/inventory/reservations/r1')).status).toBe(204);
  expect(await operations()).toEqual([]);
});

test('emptying the ledger forgets what the providers knew', async () => {
  const { json, stripe, send, operations, ledger } = await start();
  const body = { items: [{ sku: 'TEE-M', quantity: 1 }] };
  const everything = async () => {
    const { id } = await stripe.paymentIntents.create(SALE, { idempotencyKey: 'k' });
    await json('PUT', '/inventory/reservations/r1', body);
    await send();
    return id;
  };
  const before = await everything();
  expect((await json('DELETE', '/_control/ledger')).status).toBe(204);
  expect(await operations()).toEqual([]);
  expect(await everything()).not.toBe(before);
  expect((await ledger()).map(({ seq, operation }) => [seq, operation])).toEqual([
    [1, 'charge'],
    [2, 'reserve'],
    [3, 'send'],
  ]);
});

test('health is served', async () => {
  const { json, url } = await start();
  expect(await json('GET', '/livez')).toMatchObject({ status: 200, body: { status: 'ok' } });
  expect(await json('GET', '/readyz')).toMatchObject({ status: 200, body: { status: 'ok' } });
  expect(await (await fetch(`${url}/metrics`)).text()).toContain('process_cpu_seconds_total{role="sandbox"}');
});
