import { readConfig } from '@holdfast/app-kit';
import { stripePayments } from '@holdfast/providers';
import { providersEnv } from '@holdfast/sandbox';
import { providersConfig, providerVariables, shop } from '@holdfast/shop';
import { freePort } from '@holdfast/testkit';
import { describe, expect, it } from 'vitest';
import { readWorkerConfig } from '../src/index.ts';
import { limitedStripe } from './limited-stripe.ts';
import { ORDER, startSystem } from './system.ts';

const NOWHERE = providersEnv({ url: 'http://127.0.0.1:1', smtpUrl: 'smtp://127.0.0.1:1' });
/** What the shop's providers read of the environment. */
const read = (env: Record<string, string>) =>
  providersConfig(readConfig(providerVariables, { ...NOWHERE, ...env }));
/** As a worker of the shop reads all of its configuration. */
const readAll = (env: Record<string, string>) => readWorkerConfig(shop().providers, env);

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

  it('goes through a proxy of its own, or that of payment', () => {
    const env = {
      HOLDFAST_PAYMENT_FALLBACK_URL: 'http://127.0.0.1:1',
      HOLDFAST_PAYMENT_FALLBACK_KEY: 'sk_2',
      HOLDFAST_PAYMENT_PROXY: 'http://one:1',
    };
    expect(read(env).payment.fallback?.reach?.proxy).toMatch(/^http:\/\/one:1/);
    const own = { ...env, HOLDFAST_PAYMENT_FALLBACK_PROXY: 'http://two:2' };
    expect(read(own).payment.fallback?.reach?.proxy).toMatch(/^http:\/\/two:2/);
    expect(read(own).payment.reach?.proxy).toMatch(/^http:\/\/one:1/);
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
    const able = { paymentMethods: { 'payment-fallback': 'pm_card_visa' } };
    const paid = await ended(await submit('order-1', able));
    expect(paid).toMatchObject({
      status: 'completed',
      output: { chargeId: expect.stringMatching(/^fallback\/pi_/) },
    });
    const [item] = ORDER.items;
    const soldOut = { quantity: 1, unitAmount: 100, ...item, sku: 'SOLD-OUT-1' };
    const refunded = await ended(await submit('order-2', { ...able, items: [soldOut] }));
    expect(refunded.status).toBe('failed');
    const effects = (await other.ledger()).map(({ operation, reference }) => [operation, reference]);
    expect(effects).toEqual([
      ['charge', paid.id],
      ['charge', refunded.id],
      ['refund', refunded.id],
    ]);
  }, 40_000);
});

describe('who the providers are', () => {
  const all = { HOLDFAST_REDIS_URL: 'redis://127.0.0.1:1', ...NOWHERE };
  it.each(Object.keys(NOWHERE))('is never guessed: %s', (name) => {
    expect(() => readAll({ ...all, [name]: '' })).toThrow(`${name}: is missing`);
  });

  it('a mail server that is not on this machine needs a sender of yours', () => {
    const elsewhere = { ...all, HOLDFAST_EMAIL_URL: 'smtp://mail.example.com' };
    expect(() => readAll(elsewhere)).toThrow(/HOLDFAST_EMAIL_FROM: is missing.*Shop <orders@example.com>/);
    const from = 'Shop <orders@example.com>';
    expect(read({ ...elsewhere, HOLDFAST_EMAIL_FROM: from }).email).toMatchObject({
      from,
    });
  });

  it.each([
    ['a line break at its end', 'HOLDFAST_PAYMENT_KEY', 'sk_canary\n', /holds a line break/],
    ['a # in a password', 'HOLDFAST_EMAIL_URL', 'smtp://user:canary#x@host', /percent-encode/],
    ['a / in a password', 'HOLDFAST_EMAIL_URL', 'smtp://user:12/canary@host', /percent-encode/],
    ['another protocol', 'HOLDFAST_EMAIL_URL', 'http://user:canary@host', /percent-encode/],
  ])('%s is a fault that names its variable and shows nothing of it', (_what, name, value, says) => {
    const reading = () => readAll({ ...all, [name]: value });
    expect(reading).toThrow(name);
    expect(reading).toThrow(says);
    expect(reading).not.toThrow(/canary/);
  });

  it('a key never goes over plain http to another machine', async () => {
    const { payment } = read({ ...all, HOLDFAST_PAYMENT_URL: 'http://payments.example' });
    expect(() => stripePayments(payment)).toThrow(/plain http/);
  });

  it('half of a client certificate is refused', () => {
    const cert = new URL('provider-config.test.ts', import.meta.url).pathname;
    expect(() => readAll({ ...all, HOLDFAST_PAYMENT_TLS_CERT: cert })).toThrow(/PEM form/);
  });
});
