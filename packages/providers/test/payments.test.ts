import { describe, expect, it } from 'vitest';
import { stripePayments } from '../src/stripe/payments.ts';
import { closing, stepCall, stepError } from './calls.ts';
import { type Answer, json, provider, reset } from './provider-server.ts';

const KEY = 'sk_test_canary_51H';
const CHARGE = {
  amount: 3800,
  currency: 'usd',
  paymentMethod: 'pm_card_visa',
  customerId: 'cus_1',
  description: 'Order for cus_1',
};
const REFUND = { chargeId: 'pi_1', amount: 3800 };

const intent = (status: string, more: object = {}) =>
  json(200, { id: 'pi_1', object: 'payment_intent', status, amount: 3800, latest_charge: 'ch_1', ...more });
const refunded = (status: string) => json(200, { id: 're_1', object: 'refund', status, amount: 3800 });
const stripeError = (status: number, error: object, headers: Record<string, string> = {}) =>
  json(status, { error }, { 'request-id': 'req_9', ...headers });

async function payments(...answers: Answer[]) {
  const { url, received } = await provider(...answers);
  return { received, payments: closing(stripePayments({ url, key: KEY })) };
}

describe('a charge', () => {
  it('is one request that Stripe can confirm by itself', async () => {
    const { payments: stripe, received } = await payments(intent('succeeded'));
    expect(await stripe.charge(CHARGE, stepCall('charge'))).toEqual({ chargeId: 'pi_1' });
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
      ['customer', 'cus_1'],
      ['confirm', 'true'],
      ['description', 'Order for cus_1'],
      ['automatic_payment_methods[enabled]', 'true'],
      ['automatic_payment_methods[allow_redirects]', 'never'],
      ['metadata[run]', 'run_7f'],
      ['metadata[generation]', '1'],
      ['metadata[step]', 'run_7f.1.charge'],
    ]);
  });

  it("names a customer of one's own in the metadata, and says where the customer comes back to", async () => {
    const { payments: stripe, received } = await payments(intent('succeeded'));
    const returnUrl = 'https://shop.example/back';
    await stripe.charge({ ...CHARGE, customerId: 'ada', returnUrl }, stepCall('charge'));
    const sent = new URLSearchParams(received[0]?.body);
    expect(sent.get('customer')).toBeNull();
    expect(sent.get('metadata[customer]')).toBe('ada');
    expect(sent.get('return_url')).toBe(returnUrl);
    expect(sent.get('automatic_payment_methods[allow_redirects]')).toBeNull();
  });

  it('at another account takes the payment method that it was given for it, and no customer of the first', async () => {
    const { url, received } = await provider(intent('succeeded'));
    const second = closing(stripePayments({ url, key: KEY, account: 'payment-fallback' }));
    await second.charge({ ...CHARGE, paymentMethods: { 'payment-fallback': 'pm_2' } }, stepCall('charge'));
    const sent = new URLSearchParams(received[0]?.body);
    expect(sent.get('payment_method')).toBe('pm_2');
    expect(sent.get('customer')).toBeNull();
    expect(sent.get('metadata[customer]')).toBe('cus_1');
  });

  it('that is being processed is pending', async () => {
    const { payments: stripe, received } = await payments(intent('processing'));
    expect(await stripe.charge(CHARGE, stepCall('charge'))).toEqual({ chargeId: 'pi_1', pending: true });
    expect(received).toHaveLength(1);
  });

  it('that the customer has to confirm is pending, and says where', async () => {
    const { payments: stripe } = await payments(
      intent('requires_action', { next_action: { redirect_to_url: { url: 'https://bank.example/3ds' } } }),
    );
    expect(await stripe.charge(CHARGE, stepCall('charge'))).toEqual({
      chargeId: 'pi_1',
      pending: true,
      nextAction: { type: 'redirect', url: 'https://bank.example/3ds' },
    });
  });

  it('is the same bytes each time, in whatever order its input comes', async () => {
    const { payments: stripe, received } = await payments(intent('succeeded'));
    const { amount, ...others } = CHARGE;
    await stripe.charge(CHARGE, stepCall('charge'));
    await stripe.charge({ ...others, amount }, stepCall('charge', { attempt: 2 }));
    expect(received[1]?.body).toBe(received[0]?.body);
  });

  it('declined is rejected, with what Stripe says', async () => {
    const { payments: stripe } = await payments(
      stripeError(402, {
        type: 'card_error',
        code: 'card_declined',
        decline_code: 'insufficient_funds',
        message: 'Your card has insufficient funds.',
        charge: 'ch_1',
      }),
    );
    expect(await stepError(stripe.charge(CHARGE, stepCall('charge')))).toMatchObject({
      kind: 'rejected',
      settlesDoubt: true,
      code: 'card_declined',
      message: 'payment charge: Your card has insufficient funds.',
      details: {
        provider: 'payment',
        operation: 'charge',
        status: 402,
        requestId: 'req_9',
        type: 'card_error',
        declineCode: 'insufficient_funds',
        charge: 'ch_1',
      },
    });
  });

  it.each<[string, Answer, object]>([
    [
      'a key in use',
      stripeError(409, { type: 'invalid_request_error', code: 'idempotency_key_in_use', message: 'Wait.' }),
      { kind: 'in_doubt', code: 'idempotency_key_in_use' },
    ],
    [
      'a key used with other parameters: a charge may stand under it, so nothing is compensated',
      stripeError(400, { type: 'idempotency_error', message: 'Keys for idempotent requests…' }),
      { kind: 'in_doubt', code: 'idempotency_error' },
    ],
    [
      'another conflict',
      stripeError(409, { type: 'invalid_request_error', code: 'resource_already_exists' }),
      { kind: 'rejected', code: 'resource_already_exists' },
    ],
    [
      'an unknown parameter',
      stripeError(400, { type: 'invalid_request_error', code: 'parameter_unknown', param: 'x' }),
      { kind: 'rejected', code: 'parameter_unknown', details: { param: 'x' } },
    ],
    [
      'an error without a code',
      stripeError(404, { type: 'invalid_request_error' }),
      { kind: 'rejected', code: 'invalid_request_error' },
    ],
    [
      'a wrong key',
      stripeError(401, { type: 'invalid_request_error', message: `Invalid API Key provided: ${KEY}` }),
      { kind: 'misconfigured', code: 'credentials_refused' },
    ],
    [
      'too many requests',
      stripeError(429, { type: 'invalid_request_error', code: 'rate_limit' }, { 'retry-after': '3' }),
      { kind: 'throttled', code: 'rate_limit', retryAfter: 3000 },
    ],
    [
      'a 500, which Stripe plays back under its key',
      stripeError(500, { type: 'api_error' }),
      { kind: 'in_doubt', code: 'api_error', details: { status: 500 } },
    ],
    [
      'an overload that says for how long',
      json(503, {}, { 'retry-after': '1' }),
      { kind: 'unavailable', retryAfter: 1000 },
    ],
    [
      'a lock that another request holds',
      stripeError(
        409,
        { type: 'invalid_request_error', code: 'lock_timeout' },
        { 'stripe-should-retry': 'true' },
      ),
      { kind: 'in_doubt', code: 'lock_timeout' },
    ],
    [
      'a firewall that answers in its stead',
      (response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<h1>Blocked</h1>'),
      { kind: 'misconfigured', code: 'not_from_provider', mayHaveHappened: true },
    ],
    ['a reset', reset(), { kind: 'in_doubt', code: 'connection_reset' }],
    [
      'another answer than Stripe has',
      json(200, { ok: true }),
      { kind: 'in_doubt', code: 'response_unexpected' },
    ],
    [
      'an id that is none',
      json(200, { id: '../x', status: 'succeeded', amount: 3800 }),
      { kind: 'in_doubt', code: 'response_unexpected' },
    ],
    [
      'another amount',
      intent('succeeded', { amount: 1 }),
      { kind: 'in_doubt', code: 'payment_amount_differs' },
    ],
    [
      'another currency',
      intent('succeeded', { currency: 'jpy' }),
      { kind: 'in_doubt', code: 'payment_currency_differs' },
    ],
    [
      'an authentication by the customer, who cannot be sent there',
      intent('requires_action'),
      { kind: 'rejected', code: 'payment_action_required' },
    ],
    [
      'no usable method',
      intent('requires_payment_method'),
      { kind: 'rejected', code: 'payment_method_required' },
    ],
    ['a cancellation', intent('canceled'), { kind: 'rejected', code: 'payment_canceled' }],
    [
      'a status from the future',
      intent('under_review'),
      { kind: 'in_doubt', code: 'payment_status_unknown' },
    ],
  ])('that meets %s', async (_what, answer, expected) => {
    const { payments: stripe, received } = await payments(answer);
    const error = await stepError(stripe.charge(CHARGE, stepCall('charge')));
    expect(error).toMatchObject(expected);
    expect(received).toHaveLength(1);
    expect(JSON.stringify([error.message, error.details])).not.toContain('canary');
  });
});

describe('a charge, looked at again', () => {
  const CHARGED = { chargeId: 'pi_1', amount: 3800, currency: 'usd' };
  it.each([
    ['succeeded', { chargeId: 'pi_1' }],
    ['processing', { chargeId: 'pi_1', pending: true }],
  ])('is %s', async (status, expected) => {
    const { payments: stripe, received } = await payments(intent(status, { currency: 'usd' }));
    expect(await stripe.readCharge(CHARGED, stepCall('settlement-1'))).toEqual(expected);
    expect(received[0]?.line).toBe('GET /prefix/v1/payment_intents/pi_1');
    expect(received[0]?.headers).not.toHaveProperty('idempotency-key');
  });

  it('and failed after all is rejected, with the reason', async () => {
    const declined = { code: 'card_declined', decline_code: 'generic_decline', message: 'Declined.' };
    const { payments: stripe } = await payments(
      intent('requires_payment_method', { last_payment_error: declined }),
    );
    expect(await stepError(stripe.readCharge(CHARGED, stepCall('settlement-1')))).toMatchObject({
      kind: 'rejected',
      code: 'card_declined',
      details: { declineCode: 'generic_decline', paymentIntent: 'pi_1' },
    });
  });
});

describe('a charge that is taken back', () => {
  const CHARGED = { chargeId: 'pi_1', amount: 3800, currency: 'usd' };
  const undo = (attempt = 1) =>
    stepCall('charge', {
      idempotencyKey: 'run_7f:1:charge:undo',
      reference: 'run_7f.1.charge.undo',
      attempt,
    });

  it.each<[string, object, readonly Answer[], readonly string[]]>([
    ['is paid back', {}, [refunded('succeeded')], ['POST refunds']],
    [
      'was pending and has been made',
      { pending: true },
      [intent('succeeded'), refunded('succeeded')],
      ['GET payment_intents/pi_1', 'POST refunds'],
    ],
    [
      'was pending and is canceled',
      { pending: true },
      [intent('requires_action'), intent('canceled')],
      ['GET payment_intents/pi_1', 'POST payment_intents/pi_1/cancel'],
    ],
    [
      'had come to nothing, so that it cannot be paid any more',
      { pending: true },
      [intent('requires_payment_method'), intent('canceled')],
      ['GET payment_intents/pi_1', 'POST payment_intents/pi_1/cancel'],
    ],
    ['was canceled before', { pending: true }, [intent('canceled')], ['GET payment_intents/pi_1']],
    [
      'is done once its refund is settled',
      {},
      [refunded('pending'), refunded('succeeded')],
      ['POST refunds', 'GET refunds/re_1'],
    ],
  ])('%s', async (_what, more, answers, lines) => {
    const { payments: stripe, received } = await payments(...answers);
    await stripe.takeBack({ ...CHARGED, ...more }, undo());
    expect(received.map(({ line }) => line.replace('/prefix/v1/', ''))).toEqual(lines);
  });

  it.each<[string, object, readonly Answer[], string]>([
    ['is being processed', { pending: true }, [intent('processing')], 'payment_processing'],
    [
      'changed while it was canceled',
      { pending: true },
      [
        intent('requires_action'),
        stripeError(400, { type: 'invalid_request_error', code: 'payment_intent_unexpected_state' }),
      ],
      'payment_changing',
    ],
    ['has a refund that is not settled', {}, [refunded('pending')], 'refund_pending'],
  ])('%s: it is asked again, less and less often', async (_what, more, answers, code) => {
    const { payments: stripe } = await payments(...answers);
    const charged = { ...CHARGED, ...more };
    expect(await stepError(stripe.takeBack(charged, undo()))).toMatchObject({
      kind: 'throttled',
      code,
      retryAfter: 5_000,
    });
  });

  it('is asked for once an hour at last', async () => {
    const { payments: stripe } = await payments(intent('processing'));
    const error = await stepError(stripe.takeBack({ ...CHARGED, pending: true }, undo(90)));
    expect(error).toMatchObject({ retryAfter: 3_600_000 });
  });

  it('and whose refund failed is for a person', async () => {
    const { payments: stripe } = await payments(refunded('pending'), refunded('failed'));
    expect(await stepError(stripe.takeBack(CHARGED, undo()))).toMatchObject({
      kind: 'rejected',
      code: 'refund_failed',
    });
  });
});

describe('a refund', () => {
  it.each([
    ['succeeded', { refundId: 're_1' }],
    ['pending', { refundId: 're_1', pending: true }],
    ['requires_action', { refundId: 're_1', pending: true }],
  ])('is one request, and what Stripe says it is: %s', async (status, expected) => {
    const { payments: stripe, received } = await payments(refunded(status));
    const made = await stripe.refund(REFUND, stepCall('charge', { idempotencyKey: 'run_7f:1:charge:undo' }));
    expect(made).toEqual(expected);
    expect(received[0]).toMatchObject({
      line: 'POST /prefix/v1/refunds',
      headers: { 'idempotency-key': 'run_7f:1:charge:undo' },
    });
    expect([...new URLSearchParams(received[0]?.body)]).toEqual([
      ['payment_intent', 'pi_1'],
      ['amount', '3800'],
      ['metadata[run]', 'run_7f'],
      ['metadata[generation]', '1'],
      ['metadata[step]', 'run_7f.1.charge'],
    ]);
  });

  it('is read by its id, and over once that is certain', async () => {
    const { payments: stripe, received } = await payments(
      refunded('pending'),
      refunded('succeeded'),
      refunded('failed'),
      refunded('failed'),
      refunded('pending'),
    );
    const call = stepCall('settlement-1');
    expect(await stripe.readRefund('re_1', call)).toEqual({ refundId: 're_1', pending: true });
    expect(await stripe.endRefund('re_1', call)).toBe('stands');
    expect(await stripe.endRefund('re_1', call)).toBeUndefined();
    expect(await stepError(stripe.readRefund('re_1', call))).toMatchObject({ code: 'refund_failed' });
    expect(await stepError(stripe.endRefund('re_1', call))).toMatchObject({ code: 'refund_pending' });
    expect(new Set(received.map(({ line }) => line))).toEqual(new Set(['GET /prefix/v1/refunds/re_1']));
  });

  it.each(['failed', 'canceled'])('is rejected when it is %s', async (status) => {
    const { payments: stripe } = await payments(refunded(status));
    expect(await stepError(stripe.refund(REFUND, stepCall('charge')))).toMatchObject({
      kind: 'rejected',
      code: 'refund_failed',
      details: { refundStatus: status },
    });
  });

  const refusal = stripeError(400, { type: 'invalid_request_error', code: 'charge_already_refunded' });
  const ours = { id: 're_1', status: 'succeeded', amount: 3800, metadata: { run: 'run_7f' } };

  it('already made, by this run, is done', async () => {
    const { payments: stripe, received } = await payments(
      refusal,
      json(200, { data: [{ ...ours, id: 're_0', metadata: {} }, ours] }),
    );
    expect(await stripe.refund(REFUND, stepCall('charge'))).toEqual({ refundId: 're_1' });
    expect(received[1]?.line).toBe('GET /prefix/v1/refunds?payment_intent=pi_1&limit=100');
  });

  it.each<[string, Answer]>([
    ['by another run', json(200, { data: [{ ...ours, metadata: { run: 'run_8' } }] })],
    ['by hand', json(200, { data: [{ ...ours, metadata: null }] })],
    ['of another amount', json(200, { data: [{ ...ours, amount: 1 }] })],
    ['that failed', json(200, { data: [{ ...ours, status: 'failed' }] })],
    ['that nobody finds', json(200, { data: [] })],
    ['that may not be looked up', json(403, {})],
  ])('already made %s is rejected', async (_what, found) => {
    const { payments: stripe } = await payments(refusal, found);
    expect(await stepError(stripe.refund(REFUND, stepCall('charge')))).toMatchObject({
      kind: 'rejected',
      code: 'charge_already_refunded',
    });
  });

  it('already made, while nobody can look, is tried again', async () => {
    const { payments: stripe } = await payments(refusal, json(500, {}));
    expect(await stepError(stripe.refund(REFUND, stepCall('charge')))).toMatchObject({ kind: 'unavailable' });
  });
});
