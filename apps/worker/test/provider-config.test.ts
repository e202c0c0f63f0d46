import { freePort } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';
import { readWorkerConfig } from '../src/index.ts';
import { limitedStripe } from './limited-stripe.ts';
import { ORDER, startSystem } from './system.ts';

const read = (env: Record<string, string>) =>
  readWorkerConfig({ HOLDFAST_REDIS_URL: 'redis://127.0.0.1:1', ...env }).providers;

describe('limits', () => {
  it('are none unless they are given', () => {
    expect(read({}).payment.limits).toEqual({});
  });

  it('are each provider’s own', () => {
    const { payment, inventory, shipping, email } = read({
      HOLDFAST_PAYMENT_RPS: '80',
      HOLDFAST_PAYMENT_BURST: '20',
      HOLDFAST_INVENTORY_CONCURRENCY: '4',
      HOLDFAST_SHIPPING_RPS: '0.5',
      HOLDFAST_EMAIL_CONCURRENCY: '2',
    });
    expect(payment.limits).toEqual({ ratePerSecond: 80, burst: 20 });
    expect(inventory.limits).toEqual({ concurrency: 4 });
    expect(shipping.limits).toEqual({ ratePerSecond: 0.5 });
    expect(email.limits).toEqual({ concurrency: 2 });
  });

  it.each([
    ['HOLDFAST_PAYMENT_RPS', '0'],
    ['HOLDFAST_EMAIL_BURST', '1.5'],
    ['HOLDFAST_SHIPPING_CONCURRENCY', 'many'],
  ])('%s=%s is refused by its name', (name, value) => {
    expect(() => read({ [name]: value })).toThrow(name);
  });

  it('hold for the calls that are made', async () => {
    const stripe = await limitedStripe({ perSecond: 1_000, retryAfterS: 1 });
    const { submit, ended } = await startSystem({
      HOLDFAST_PAYMENT_URL: stripe.url,
      HOLDFAST_PAYMENT_RPS: '10',
      HOLDFAST_PAYMENT_BURST: '1',
    });
    const runIds = await Promise.all(Array.from({ length: 12 }, (_, n) => submit(`order-${n}`)));
    for (const runId of runIds) expect((await ended(runId, 30_000)).status).toBe('completed');
    const [first = 0, ...later] = stripe.arrivals.map(({ atMs }) => atMs);
    // a call may be late, so that the next one comes sooner after it; all of them cannot
    expect((later.at(-1) ?? 0) - first).toBeGreaterThan(11 * 100 - 150);
  }, 40_000);
});

describe('a fallback for payments', () => {
  it.each([
    ['HOLDFAST_PAYMENT_FALLBACK_URL', { HOLDFAST_PAYMENT_FALLBACK_KEY: 'sk_2' }],
    ['HOLDFAST_PAYMENT_FALLBACK_KEY', { HOLDFAST_PAYMENT_FALLBACK_URL: 'http://127.0.0.1:1' }],
  ])('without %s is refused', (missing, env) => {
    expect(() => read(env)).toThrow(missing);
  });

  it('charges, and refunds, while nothing can be sent to the first', async () => {
    const sandboxOf = async () =>
      startSystem({ HOLDFAST_PAYMENT_URL: `http://127.0.0.1:${await freePort()}` });
    const other = await sandboxOf();
    const { submit, ended } = await startSystem({
      HOLDFAST_PAYMENT_URL: `http://127.0.0.1:${await freePort()}`,
      HOLDFAST_PAYMENT_FALLBACK_URL: `${other.sandbox.url}/payment`,
      HOLDFAST_PAYMENT_FALLBACK_KEY: 'sk_fallback',
    });
    const paid = await ended(await submit('order-1'));
    expect(paid).toMatchObject({
      status: 'completed',
      output: { chargeId: expect.stringMatching(/^fallback\/pi_/) },
    });
    const [item] = ORDER.items;
    const soldOut = { quantity: 1, unitAmount: 100, ...item, sku: 'SOLD-OUT-1' };
    const refunded = await ended(await submit('order-2', { items: [soldOut] }));
    expect(refunded.status).toBe('failed');
    const effects = (await other.ledger()).map(({ operation, reference }) => [operation, reference]);
    expect(effects).toEqual([
      ['charge', paid.id],
      ['charge', refunded.id],
      ['refund', refunded.id],
    ]);
  }, 40_000);
});
