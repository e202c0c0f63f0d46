import { createGuard, providerHealth, redisStore } from '@holdfast/http';
import { freePort, startRedis } from '@holdfast/testkit';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { smtpEmail } from '../src/email/smtp-email.ts';
import { orderProviders } from '../src/order-providers.ts';
import { stepCall, stepError } from './calls.ts';
import { json, provider } from './provider-server.ts';

let redis: Awaited<ReturnType<typeof startRedis>>;
let connection: Redis;
beforeAll(async () => {
  redis = await startRedis(['--appendonly', 'no']);
  connection = new Redis(redis.url);
});
afterAll(async () => {
  connection.disconnect();
  await redis.stop();
});

it('mail goes through its breaker as every call does', async () => {
  const store = redisStore({ connection });
  const guard = createGuard({ provider: 'email', account: 'x', store, longestCallMs: 60_000 });
  const email = smtpEmail({ url: `smtp://127.0.0.1:${await freePort()}` }, guard);
  const send = () =>
    stepError(email.send({ to: 'ada@example.com', subject: 's', text: 't' }, stepCall('email')));
  for (let n = 0; n < 5; n += 1) {
    expect(await send()).toMatchObject({ kind: 'unavailable', code: 'smtp_connection_lost' });
  }
  expect(await send()).toMatchObject({
    kind: 'throttled',
    code: 'breaker_open',
    message: 'email send: nothing was sent: the provider is down, and is tried again in a while',
    details: { provider: 'email', operation: 'send', unsent: true },
  });
  await guard.close();
  const health = (await providerHealth(store)).find((each) => each.provider === 'email');
  expect(health).toMatchObject({ calls: 5, waits: { breaker: 1 }, breaker: { state: 'open' } });
});

it('each provider is counted by its name, whose account is the URL and key; a token is a call like any other', async () => {
  const labels = await provider(
    json(200, { access_token: 'tok_canary', token_type: 'Bearer' }),
    json(201, { id: 'l_1', trackingNumber: 't', labelUrl: 'u' }),
  );
  const stock = await provider(json(409, { code: 'out_of_stock', sku: 'A' }));
  const stripe = await provider(json(200, { id: 'pi_1', status: 'succeeded', amount: 1 }));
  const store = redisStore({ connection, prefix: '{other}' });
  const ports = orderProviders(
    {
      payment: { url: stripe.url, key: 'sk_canary' },
      inventory: { url: stock.url },
      shipping: { url: labels.url, clientId: 'shop', clientSecret: 'secret_canary' },
      email: { url: 'smtp://127.0.0.1:9' },
    },
    { store, pins: { hold: async (_work, _hold, wish) => wish, letGo: async () => {} } },
  );
  const charge = {
    amount: 1,
    currency: 'usd',
    paymentMethod: 'pm_card_visa',
    customerId: 'cus_1',
    description: 'x',
  };
  const to = { name: 'A', line1: '1', city: 'S', postalCode: '1', country: 'US' };
  await ports.payments.charge(charge, stepCall('charge'));
  await stepError(ports.inventory.reserve({ items: [{ sku: 'A', quantity: 1 }] }, stepCall('reserve')));
  await ports.shipping.buyLabel({ to, items: [] }, stepCall('ship'));
  await ports.close();

  const health = await providerHealth(store);
  expect(health.map(({ provider: name, calls, outcomes }) => [name, calls, outcomes.ok])).toEqual([
    ['inventory', 1, 0],
    ['payment', 1, 1],
    ['shipping', 2, 2],
  ]);
  expect(stripe.received[0]?.headers.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  const dump = await Promise.all(
    (await connection.keys('{other}*')).map((key) => connection.dumpBuffer(key)),
  );
  expect(Buffer.concat(dump.map((each) => Buffer.from(each ?? ''))).toString('latin1')).not.toContain(
    'canary',
  );
});
