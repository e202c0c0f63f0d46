import { describe, expect, it } from 'vitest';
import { stripePayments } from '../src/stripe/payments.ts';
import { closing, stepCall, stepError } from './calls.ts';
import { type Answer, json, provider, reset } from './provider-server.ts';

const KEY = 'sk_test_canary_51H';
const CHARGE = {
  amount: 3800,
  currency: 'usd',
  paymentMethod: 'pm_card_visa',
  description: 'Order for cus_1',
};
const REFUND = { chargeId: 'pi_1', amount: 3800 };

const intent = (status: string, more: object = {}) =>
  json(200, { id: 'pi_1', object: 'payment_intent', status, amount: 3800, latest_charge: 'ch_1', ...more });
const refunded = (status: string) => json(200, { id: 're_1', object: 'refund', status, amount: 3800 });

async function payments(...answers: Answer[]) {
  const { url, received } = await provider(...answers);
  return { received, payments: closing(stripePayments({ url, key: KEY })) };
}

describe('a charge of version 1', () => {
  it('is one request that Stripe can confirm by itself', async () => {
    const { payments: stripe, received } = await payments(intent('succeeded'));
    expect(await stripe.v1.charge(CHARGE, stepCall('charge'))).toEqual({ chargeId: 'pi_1' });
    expect(received).toHaveLength(1);
    expect(received[0]).toMatchObject({
      line: 'POST /prefix/v1/payment_intents',
      headers: {
        authorization: `Bearer ${KEY}`,
        'idempotency-key': 'run_7f:1:charge',
        'content-type': 'application/x-www-form-urlencoded',
        'stripe-version': expect.stringMatching(/^\d{4}-\d\d-\d\d\.[a-z]+$/),
      },
    });
    expect([...new URLSearchParams(received[0]?.body)]).toEqual([
      ['amount', '3800'],
      ['currency', 'usd'],
      ['payment_method', 'pm_card_visa'],
      ['confirm', 'true'],
      ['description', 'Order for cus_1'],
      ['automatic_payment_methods[enabled]', 'true'],
      ['automatic_payment_methods[allow_redirects]', 'never'],
      ['metadata[run]', 'run_7f'],
      ['metadata[step]', 'run_7f.1.charge'],
    ]);
  });

  it('that the customer would have to confirm is refused', async () => {
    const { payments: stripe } = await payments(intent('requires_action'));
    expect(await stepError(stripe.v1.charge(CHARGE, stepCall('charge')))).toMatchObject({
      kind: 'rejected',
      code: 'payment_action_required',
    });
  });
});

describe('a charge of version 1 that is processing', () => {
  it('is read again, and done once it is settled', async () => {
    const { payments: stripe, received } = await payments(intent('processing'), intent('succeeded'));
    expect(await stripe.v1.charge(CHARGE, stepCall('charge'))).toEqual({ chargeId: 'pi_1' });
    expect(received.map(({ line }) => line)).toEqual([
      'POST /prefix/v1/payment_intents',
      'GET /prefix/v1/payment_intents/pi_1',
    ]);
    expect(received[1]?.headers).not.toHaveProperty('idempotency-key');
  });

  it.each<[string, Answer, object]>([
    ['not settled yet', intent('processing'), { code: 'payment_processing' }],
    ['not to be read now', json(503, {}, { 'retry-after': '2' }), { code: 'http_503', retryAfter: 2000 }],
    ['throttled', json(429, {}, { 'retry-after': '4' }), { code: 'http_429', retryAfter: 4000 }],
    ['not found', json(404, {}), { code: 'not_from_provider' }],
    ['cut off', reset(), { code: 'connection_reset' }],
  ])('stays in doubt, for it was taken on: %s', async (_what, answer, expected) => {
    const { payments: stripe } = await payments(intent('processing'), answer);
    expect(await stepError(stripe.v1.charge(CHARGE, stepCall('charge')))).toMatchObject({
      kind: 'in_doubt',
      ...expected,
    });
  });

  it('and fails after all is rejected, with the reason', async () => {
    const { payments: stripe } = await payments(
      intent('processing'),
      intent('requires_payment_method', {
        last_payment_error: { code: 'card_declined', decline_code: 'generic_decline', message: 'Declined.' },
      }),
    );
    expect(await stepError(stripe.v1.charge(CHARGE, stepCall('charge')))).toMatchObject({
      kind: 'rejected',
      code: 'card_declined',
      message: 'payment charge: Declined.',
      details: { declineCode: 'generic_decline', paymentIntent: 'pi_1' },
    });
  });
});

describe('a refund of version 1', () => {
  it.each(['succeeded', 'pending'])('is done when it is %s', async (status) => {
    const { payments: stripe, received } = await payments(refunded(status));
    await stripe.v1.refund(REFUND, stepCall('charge', { idempotencyKey: 'run_7f:1:charge:undo' }));
    expect(received[0]).toMatchObject({
      line: 'POST /prefix/v1/refunds',
      headers: { 'idempotency-key': 'run_7f:1:charge:undo' },
    });
    expect([...new URLSearchParams(received[0]?.body)]).toEqual([
      ['payment_intent', 'pi_1'],
      ['amount', '3800'],
      ['metadata[run]', 'run_7f'],
      ['metadata[step]', 'run_7f.1.charge'],
    ]);
  });

  it.each(['failed', 'canceled', 'requires_action'])('is rejected when it is %s', async (status) => {
    const { payments: stripe } = await payments(refunded(status));
    expect(await stepError(stripe.v1.refund(REFUND, stepCall('charge')))).toMatchObject({
      kind: 'rejected',
      code: 'refund_failed',
      details: { refundStatus: status },
    });
  });
});
