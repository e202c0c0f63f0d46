import { describe, expect, it } from 'vitest';
import { stripePayments } from '../src/stripe/payments.ts';
import { closing, STARTED_AT, stepCall, stepError } from './calls.ts';
import { type Answer, json, provider, reset } from './provider-server.ts';

const CHARGE = {
  amount: 3800,
  currency: 'usd',
  paymentMethod: 'pm_card_visa',
  customerId: 'cus_1',
  description: 'x',
};
const REFUND = { chargeId: 'pi_1', amount: 3800 };

const error500 = { error: { type: 'api_error', message: 'Something went wrong.' } };
const playedBack = json(500, error500, { 'idempotent-replayed': 'true', 'request-id': 'req_1' });
const list = (data: readonly object[], has_more = false) => json(200, { object: 'list', data, has_more });

const ours = { run: 'run_7f', step: 'run_7f.1.charge' };
const intent = (status: string, more: object = {}) => ({
  ...{ id: 'pi_1', object: 'payment_intent', status, amount: 3800, metadata: ours },
  ...more,
});
const declined = (more: object = {}) =>
  intent('requires_payment_method', { last_payment_error: { code: 'card_declined' }, ...more });
const SECOND_KEY = { idempotencyKey: 'run_7f:1:charge:2', reference: 'run_7f.1.charge.2' };

async function payments(...answers: Answer[]) {
  const { url, received } = await provider(...answers);
  return { received, stripe: closing(stripePayments({ url, key: 'sk_test' })) };
}

describe('a charge whose key plays a 500 back', () => {
  it('is looked up among the intents since the step began, give or take the clocks', async () => {
    const { stripe, received } = await payments(playedBack, list([intent('succeeded')]));
    expect(await stripe.charge(CHARGE, stepCall('charge'))).toEqual({ chargeId: 'pi_1' });
    const since = STARTED_AT / 1000 - 300;
    expect(received.map(({ line }) => line)).toEqual([
      'POST /prefix/v1/payment_intents',
      `GET /prefix/v1/payment_intents?created%5Bgte%5D=${since}&limit=100`,
    ]);
  });

  it('is looked up page by page', async () => {
    const others = (from: number) =>
      [from, from + 1].map((n) => intent('succeeded', { id: `pi_${n}`, metadata: { run: `run_${n}` } }));
    const { stripe, received } = await payments(
      playedBack,
      list(others(10), true),
      list(others(20), true),
      list([intent('succeeded', { id: 'pi_3' })]),
    );
    expect(await stripe.charge(CHARGE, stepCall('charge'))).toEqual({ chargeId: 'pi_3' });
    expect(received.slice(2).map(({ line }) => new URLSearchParams(line).get('starting_after'))).toEqual([
      'pi_11',
      'pi_21',
    ]);
  });

  it.each<[string, readonly object[]]>([
    ['none at all', []],
    ['none of this run', [intent('succeeded', { metadata: { ...ours, run: 'run_8' } })]],
    ['none of this step', [intent('succeeded', { metadata: { ...ours, step: 'run_7f.1.tip' } })]],
    ['none of this generation', [intent('succeeded', { metadata: { ...ours, step: 'run_7f.2.charge' } })]],
    ['none with a stamp', [intent('succeeded', { metadata: {} }), intent('succeeded', { metadata: null })]],
  ])('asks for a new key when Stripe has %s', async (_what, found) => {
    const { stripe } = await payments(playedBack, list(found));
    expect(await stepError(stripe.charge(CHARGE, stepCall('charge')))).toMatchObject({
      kind: 'unavailable',
      keySpent: true,
      code: 'api_error',
      details: { provider: 'payment', operation: 'charge', status: 500, requestId: 'req_1' },
    });
  });

  it('does not take the decline under an earlier key for an answer', async () => {
    const { stripe } = await payments(playedBack, list([declined()]));
    expect(await stepError(stripe.charge(CHARGE, stepCall('charge', SECOND_KEY)))).toMatchObject({
      kind: 'unavailable',
      keySpent: true,
    });
  });

  it('is the charge that an earlier key made after all', async () => {
    const { stripe } = await payments(playedBack, list([declined({ id: 'pi_0' }), intent('succeeded')]));
    const charge = await stripe.charge(CHARGE, stepCall('charge', SECOND_KEY));
    expect(charge).toEqual({ chargeId: 'pi_1' });
  });

  it.each<[string, object, object]>([
    ['declined', declined(), { kind: 'rejected', code: 'card_declined' }],
    ['of another amount', intent('succeeded', { amount: 1 }), { code: 'payment_amount_differs' }],
    [
      'not confirmed, and may yet be',
      intent('requires_confirmation'),
      { kind: 'in_doubt', code: 'payment_status_unknown' },
    ],
  ])('is what Stripe has: %s', async (_what, found, expected) => {
    const { stripe } = await payments(playedBack, list([found]));
    expect(await stepError(stripe.charge(CHARGE, stepCall('charge')))).toMatchObject(expected);
  });

  it('is pending when it is processing; of version 1, it is read again', async () => {
    const { stripe } = await payments(playedBack, list([intent('processing')]));
    expect(await stripe.charge(CHARGE, stepCall('charge'))).toEqual({ chargeId: 'pi_1', pending: true });
    const { stripe: other } = await payments(
      playedBack,
      list([intent('processing')]),
      json(200, intent('processing')),
    );
    expect(await stepError(other.v1.charge(CHARGE, stepCall('charge')))).toMatchObject({
      kind: 'in_doubt',
      code: 'payment_processing',
    });
  });

  it('found twice is for a person', async () => {
    const { stripe } = await payments(
      playedBack,
      list([intent('succeeded'), intent('succeeded', { id: 'pi_2' })]),
    );
    expect(await stepError(stripe.charge(CHARGE, stepCall('charge')))).toMatchObject({
      kind: 'in_doubt',
      code: 'effect_found_twice',
      details: { found: ['pi_1', 'pi_2'] },
    });
  });

  it.each<[string, Answer, object]>([
    ['fails', json(500, error500), { code: 'api_error', details: { lookUp: 'api_error' } }],
    ['is cut off', reset(), { details: { lookUp: 'connection_reset' } }],
    ['is throttled', json(429, {}, { 'retry-after': '4' }), { retryAfter: 4000 }],
    ['is not served there', json(404, {}), { details: { lookUp: 'not_from_provider' } }],
    ['is of another shape', json(200, { items: [] }), { details: { lookUp: 'response_unexpected' } }],
    ['does not say that it is whole', json(200, { data: [] }), { details: { lookUp: 'list_too_long' } }],
    ['has an empty page before the last', list([], true), { details: { lookUp: 'list_too_long' } }],
  ])('stays in doubt while the list %s', async (_what, answer, expected) => {
    const { stripe } = await payments(playedBack, answer);
    expect(await stepError(stripe.charge(CHARGE, stepCall('charge')))).toMatchObject({
      kind: 'in_doubt',
      ...expected,
    });
  });

  it('stays in doubt when the list has no end, and is asked no more than twenty times', async () => {
    const page = list([intent('succeeded', { id: 'pi_9', metadata: { run: 'run_9' } })], true);
    const { stripe, received } = await payments(playedBack, page);
    expect(await stepError(stripe.charge(CHARGE, stepCall('charge')))).toMatchObject({ kind: 'in_doubt' });
    expect(received).toHaveLength(21);
  });

  it('a first 500 is not looked up: its key may still tell', async () => {
    const { stripe, received } = await payments(json(500, error500));
    expect(await stepError(stripe.charge(CHARGE, stepCall('charge')))).toMatchObject({ kind: 'in_doubt' });
    expect(received).toHaveLength(1);
  });
});

describe('a refund whose key plays a 500 back', () => {
  const undo = stepCall('charge', {
    idempotencyKey: 'run_7f:1:charge:undo',
    reference: 'run_7f.1.charge.undo',
  });
  const refund = (status: string, step = 'run_7f.1.charge.undo') => ({
    ...{ id: 're_1', object: 'refund', status, amount: 3800 },
    metadata: { run: 'run_7f', step },
  });

  it('is done when Stripe has it', async () => {
    const { stripe, received } = await payments(playedBack, list([refund('pending')]));
    await stripe.refund(REFUND, undo);
    expect(received[1]?.line).toBe('GET /prefix/v1/refunds?payment_intent=pi_1&limit=100');
  });

  it('is rejected when it failed', async () => {
    const { stripe } = await payments(playedBack, list([refund('failed')]));
    expect(await stepError(stripe.refund(REFUND, undo))).toMatchObject({
      kind: 'rejected',
      code: 'refund_failed',
    });
  });

  it.each([
    ['none', []],
    ['that of another step', [refund('succeeded', 'run_7f.1.part')]],
  ])('asks for a new key when Stripe has %s', async (_what, found) => {
    const { stripe } = await payments(playedBack, list(found));
    expect(await stepError(stripe.refund(REFUND, undo))).toMatchObject({
      kind: 'unavailable',
      keySpent: true,
    });
  });
});
