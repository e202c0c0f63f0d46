import { expect, it } from 'vitest';
import { orderProviders } from '../src/order-providers.ts';
import { stepCall, stepError } from './calls.ts';
import { json, provider } from './provider-server.ts';

const CONFIG = {
  payment: { url: 'http://127.0.0.1:9', key: 'sk_canary' },
  inventory: { url: 'http://127.0.0.1:9' },
  shipping: { url: 'http://127.0.0.1:9', clientId: 'shop', clientSecret: 'secret_canary' },
  email: { url: 'smtp://shop:pass_canary@127.0.0.1:9' },
};

it('each port speaks to its own provider, and nothing is sent after close', async () => {
  const { url, received } = await provider(
    json(200, { id: 'pi_1', status: 'succeeded', amount: 1 }),
    json(201, { id: 'run_7f.1.reserve', status: 'reserved' }),
  );
  const ports = orderProviders({ ...CONFIG, payment: { url, key: 'sk_1' }, inventory: { url } });
  const charge = {
    amount: 1,
    currency: 'usd',
    paymentMethod: 'pm_card_visa',
    customerId: 'cus_1',
    description: 'x',
  };
  await ports.payments.charge(charge, stepCall('charge'));
  await ports.inventory.reserve({ items: [{ sku: 'A', quantity: 1 }] }, stepCall('reserve'));
  expect(received.map(({ line }) => line)).toEqual([
    'POST /prefix/v1/payment_intents',
    'PUT /prefix/reservations/run_7f.1.reserve',
  ]);
  await ports.close();
  expect(await stepError(ports.payments.charge(charge, stepCall('charge')))).toMatchObject({
    kind: 'unavailable',
    code: 'client_closed',
  });
  expect(received).toHaveLength(2);
});

it.each([
  ['payment', { ...CONFIG, payment: { url: 'canary', key: 'k' } }],
  ['payment key', { ...CONFIG, payment: { ...CONFIG.payment, key: 'sk canary' } }],
  ['inventory', { ...CONFIG, inventory: { url: 'ftp://canary' } }],
  [
    'shipping over plain http',
    { ...CONFIG, shipping: { ...CONFIG.shipping, url: 'http://ship.example.com' } },
  ],
  ['email', { ...CONFIG, email: { url: 'mail.example.com' } }],
])('a configuration that cannot be used is refused at once: %s', (_what, config) => {
  expect(() => orderProviders(config)).toThrow(TypeError);
  expect(() => orderProviders(config)).not.toThrow(/(sk|secret|pass)[_ ]canary/);
});
