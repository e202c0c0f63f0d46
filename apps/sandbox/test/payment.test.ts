import Stripe from 'stripe';
import { describe, expect, test } from 'vitest';
import { rejection, SALE, start } from './harness.ts';

const { StripeCardError, StripeInvalidRequestError, StripeAuthenticationError } = Stripe.errors;

describe('charging with the official stripe package', () => {
  test('a confirmed intent succeeds, and is one charge with run, amount and key in the ledger', async () => {
    const { stripe, ledger } = await start();
    const intent = await stripe.paymentIntents.create(
      { ...SALE, description: 'Order 1', metadata: { run: 'run_1' } },
      { idempotencyKey: 'run_1:1:charge' },
    );
    expect(intent).toMatchObject({
      id: expect.stringMatching(/^pi_/),
      status: 'succeeded',
      amount: 3800,
      amount_received: 3800,
      description: 'Order 1',
      latest_charge: expect.stringMatching(/^ch_/),
      metadata: { run: 'run_1' },
    });
    expect(intent.lastResponse).toMatchObject({
      requestId: expect.stringMatching(/^req_/),
      idempotencyKey: 'run_1:1:charge',
    });
    expect(await ledger()).toEqual([
      {
        seq: 1,
        provider: 'payment',
        operation: 'charge',
        reference: 'run_1',
        idempotencyKey: 'run_1:1:charge',
        at: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        id: intent.id,
        amount: 3800,
        currency: 'usd',
        run: 'run_1',
      },
    ]);
  });

  test('the same API is served under the prefix', async () => {
    const { url, operations } = await start();
    const response = await fetch(`${url}/payment/v1/payment_intents`, {
      method: 'POST',
      headers: { authorization: 'Bearer rk_test_1' },
      body: new URLSearchParams({
        amount: '100',
        currency: 'EUR',
        payment_method: 'pm_card_visa',
        confirm: 'true',
        'metadata[run]': 'run_2',
      }),
    });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ currency: 'eur', metadata: { run: 'run_2' } });
    expect(await operations('?run=run_2')).toEqual(['charge']);
  });

  test.each([
    ['pm_card_chargeDeclined', 'card_declined', 'generic_decline'],
    ['pm_card_chargeDeclinedInsufficientFunds', 'card_declined', 'insufficient_funds'],
    ['pm_card_chargeDeclinedExpiredCard', 'expired_card', 'expired_card'],
  ])('%s is refused with %s, and nothing is charged', async (payment_method, code, decline_code) => {
    const { stripe, operations } = await start();
    const error = await rejection(StripeCardError, stripe.paymentIntents.create({ ...SALE, payment_method }));
    expect(error).toMatchObject({ statusCode: 402, code, decline_code, message: expect.any(String) });
    const intent = await stripe.paymentIntents.retrieve(error.payment_intent?.id ?? '');
    expect(intent).toMatchObject({
      status: 'requires_payment_method',
      last_payment_error: { code, decline_code },
    });
    expect(await operations()).toEqual([]);
  });

  test('an intent is created, confirmed after a decline, and confirmed only once', async () => {
    const { stripe, operations } = await start();
    const created = await stripe.paymentIntents.create({ amount: 500, currency: 'usd' });
    expect(created).toMatchObject({ status: 'requires_payment_method', latest_charge: null });
    const { id } = created;
    const bare = await rejection(StripeInvalidRequestError, stripe.paymentIntents.confirm(id));
    expect(bare).toMatchObject({ statusCode: 400, code: 'payment_intent_unexpected_state' });
    await rejection(
      StripeCardError,
      stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_chargeDeclined' }),
    );
    const confirmed = await stripe.paymentIntents.confirm(id, { payment_method: 'pm_card_visa' });
    expect(confirmed.status).toBe('succeeded');
    const again = await rejection(StripeInvalidRequestError, stripe.paymentIntents.confirm(id));
    expect(again).toMatchObject({ statusCode: 400, code: 'payment_intent_unexpected_state' });
    expect(await operations()).toEqual(['charge']);
  });

  test('the charge can be expanded', async () => {
    const { stripe } = await start();
    const { id } = await stripe.paymentIntents.create(SALE);
    const intent = await stripe.paymentIntents.retrieve(id, { expand: ['latest_charge'] });
    expect(intent.latest_charge).toMatchObject({ object: 'charge', paid: true, amount_refunded: 0 });
  });

  test.each([
    [{ amount: 10.5 }, 'parameter_invalid_integer', 'amount'],
    [{ amount: 0 }, 'parameter_invalid_integer', 'amount'],
    [{ amount: -5 }, 'parameter_invalid_integer', 'amount'],
    [{ amount: 100_000_000 }, 'amount_too_large', 'amount'],
    [{ amount: undefined }, 'parameter_missing', 'amount'],
    [{ currency: undefined }, 'parameter_missing', 'currency'],
    [{ currency: 'zzz' }, undefined, 'currency'],
    [{ payment_method: 'pm_nobody' }, 'resource_missing', 'payment_method'],
    [{ payment_method: undefined }, 'payment_intent_unexpected_state', undefined],
    [{ colour: 'red' }, 'parameter_unknown', 'colour'],
    [{ metadata: { ['k'.repeat(41)]: 'v' } }, undefined, `metadata[${'k'.repeat(41)}]`],
    [{ 'metadata[note][deep]': 'v' }, undefined, 'metadata[note]'],
  ])('%o is refused with %s', async (parameters, code, param) => {
    const { stripe, operations } = await start();
    const request: Record<string, unknown> = { ...SALE, ...parameters };
    const error = await rejection(
      StripeInvalidRequestError,
      stripe.rawRequest('POST', '/v1/payment_intents', request),
    );
    expect(error).toMatchObject({ statusCode: 400, type: 'StripeInvalidRequestError' });
    expect([error.code, error.param]).toEqual([code, param]);
    expect(await operations()).toEqual([]);
  });

  test('a key that is none, an unknown path, an unknown intent and a JSON body are answered as Stripe does', async () => {
    const { url, stripe } = await start();
    const { hostname: host, port } = new URL(url);
    const stranger = new Stripe('pk_1', { host, port: Number(port), protocol: 'http' });
    expect(
      await rejection(StripeAuthenticationError, stripe.paymentIntents.list({}, { apiKey: 'nope' })),
    ).toMatchObject({ statusCode: 401 });
    await rejection(StripeAuthenticationError, stranger.paymentIntents.create(SALE));
    expect(await rejection(StripeInvalidRequestError, stripe.customers.list())).toMatchObject({
      statusCode: 404,
    });
    expect(
      await rejection(StripeInvalidRequestError, stripe.paymentIntents.retrieve('pi_none')),
    ).toMatchObject({ statusCode: 404, code: 'resource_missing' });
    const json = await fetch(`${url}/v1/payment_intents`, {
      method: 'POST',
      headers: { authorization: 'Bearer sk_1', 'content-type': 'application/json' },
      body: '{}',
    });
    expect(json.status).toBe(400);
    expect(await json.json()).toMatchObject({ error: { type: 'invalid_request_error' } });
  });
});

describe('refunding', () => {
  test('in parts until nothing is left, and never more', async () => {
    const { stripe, ledger } = await start();
    const { id } = await stripe.paymentIntents.create({ ...SALE, metadata: { run: 'run_1' } });
    const part = await stripe.refunds.create({ payment_intent: id, amount: 800 });
    expect(part).toMatchObject({
      id: expect.stringMatching(/^re_/),
      status: 'succeeded',
      amount: 800,
      payment_intent: id,
    });
    const tooMuch = await rejection(
      StripeInvalidRequestError,
      stripe.refunds.create({ payment_intent: id, amount: 3001 }),
    );
    expect(tooMuch).toMatchObject({ statusCode: 400, param: 'amount' });
    const rest = await stripe.refunds.create({ payment_intent: id, reason: 'requested_by_customer' });
    expect(rest).toMatchObject({ amount: 3000, reason: 'requested_by_customer' });
    const over = await rejection(StripeInvalidRequestError, stripe.refunds.create({ payment_intent: id }));
    expect(over).toMatchObject({ statusCode: 400, code: 'charge_already_refunded' });

    const [, ...refunds] = await ledger();
    expect(refunds.map(({ operation, amount, reference }) => [operation, amount, reference])).toEqual([
      ['refund', 800, 'run_1'],
      ['refund', 3000, 'run_1'],
    ]);
    expect(await stripe.refunds.retrieve(part.id)).toMatchObject({ id: part.id, amount: 800 });
    const listed = await stripe.refunds
      .list({ payment_intent: id, limit: 1 })
      .autoPagingToArray({ limit: 9 });
    expect(listed.map(({ amount }) => amount)).toEqual([3000, 800]);
  });

  test('by its charge, with a run of its own', async () => {
    const { stripe, ledger } = await start();
    const { latest_charge } = await stripe.paymentIntents.create(SALE);
    await stripe.refunds.create({ charge: String(latest_charge), metadata: { run: 'run_9' } });
    expect((await ledger())[1]).toMatchObject({ operation: 'refund', reference: 'run_9', amount: 3800 });
  });

  test('what was never paid cannot be refunded', async () => {
    const { stripe } = await start();
    const { id } = await stripe.paymentIntents.create({ amount: 500, currency: 'usd' });
    for (const [parameters, code] of [
      [{ payment_intent: id }, 'payment_intent_unexpected_state'],
      [{ payment_intent: 'pi_none' }, 'resource_missing'],
      [{ charge: 'ch_none' }, 'resource_missing'],
      [{}, 'parameter_missing'],
    ] as const) {
      const error = await rejection(StripeInvalidRequestError, stripe.refunds.create(parameters));
      expect(error.code).toBe(code);
    }
  });
});
