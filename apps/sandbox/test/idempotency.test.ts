import Stripe from 'stripe';
import { expect, test } from 'vitest';
import { eventually, rejection, SALE, start } from './harness.ts';

const {
  StripeAPIError,
  StripeCardError,
  StripeIdempotencyError,
  StripeInvalidRequestError,
  StripeRateLimitError,
} = Stripe.errors;
const KEY = { idempotencyKey: 'run_1:1:charge' };

test('the same key and parameters play the first answer back, and charge once', async () => {
  const { stripe, operations } = await start();
  const first = await stripe.paymentIntents.create({ ...SALE, metadata: { run: 'r', b: '1' } }, KEY);
  const second = await stripe.paymentIntents.create({ metadata: { b: '1', run: 'r' }, ...SALE }, KEY);
  expect(second).toEqual(first);
  expect(first.lastResponse.headers).not.toHaveProperty('idempotent-replayed');
  expect(second.lastResponse.headers).toMatchObject({
    'idempotent-replayed': 'true',
    'original-request': first.lastResponse.requestId,
  });
  expect(await operations()).toEqual(['charge']);
});

test('the playback is the first answer even when the intent has changed since', async () => {
  const { stripe } = await start();
  const intent = await stripe.paymentIntents.create(SALE, KEY);
  await stripe.refunds.create({ payment_intent: intent.id }, { idempotencyKey: 'refund' });
  const again = await stripe.refunds.create({ payment_intent: intent.id }, { idempotencyKey: 'refund' });
  expect(again).toMatchObject({ amount: 3800, status: 'succeeded' });
});

test('other parameters, or another endpoint, under the same key are an idempotency error', async () => {
  const { stripe, operations } = await start();
  const { id } = await stripe.paymentIntents.create(SALE, KEY);
  for (const other of [
    stripe.paymentIntents.create({ ...SALE, amount: 3801 }, KEY),
    stripe.refunds.create({ payment_intent: id }, KEY),
  ]) {
    const error = await rejection(StripeIdempotencyError, other);
    expect(error).toMatchObject({ statusCode: 400, rawType: 'idempotency_error' });
  }
  expect(await operations()).toEqual(['charge']);
});

test('a decline is played back; parameters that were refused leave the key free', async () => {
  const { stripe, operations } = await start();
  const declined = { ...SALE, payment_method: 'pm_card_chargeDeclined' };
  const first = await rejection(StripeCardError, stripe.paymentIntents.create(declined, KEY));
  const second = await rejection(StripeCardError, stripe.paymentIntents.create(declined, KEY));
  expect(second.payment_intent?.id).toBe(first.payment_intent?.id);

  const other = { idempotencyKey: 'another' };
  await rejection(StripeInvalidRequestError, stripe.paymentIntents.create({ ...SALE, amount: 0 }, other));
  await stripe.paymentIntents.create(SALE, other);
  expect(await operations()).toEqual(['charge']);
});

test('a 500 is kept under its key; a 503 and a 429 are not', async () => {
  const { stripe, fault, operations } = await start();
  await fault({ provider: 'payment', operation: 'charge', fault: 'error' });
  await rejection(StripeAPIError, stripe.paymentIntents.create(SALE, KEY));
  const replayed = await rejection(StripeAPIError, stripe.paymentIntents.create(SALE, KEY));
  expect(replayed).toMatchObject({ statusCode: 500, headers: { 'idempotent-replayed': 'true' } });
  expect(await operations()).toEqual([]);

  const other = { idempotencyKey: 'another' };
  await fault({ provider: 'payment', operation: 'charge', fault: 'error', status: 503 });
  await fault({ provider: 'payment', operation: 'charge', fault: 'throttle' });
  expect(await rejection(StripeAPIError, stripe.paymentIntents.create(SALE, other))).toMatchObject({
    statusCode: 503,
  });
  await rejection(StripeRateLimitError, stripe.paymentIntents.create(SALE, other));
  expect((await stripe.paymentIntents.create(SALE, other)).status).toBe('succeeded');
});

test('the key is in use while its first request is in progress', async () => {
  const { stripe, fault, json, close } = await start();
  await fault({ provider: 'payment', operation: 'charge', fault: 'slow', delayMs: 60_000 });
  const first = stripe.paymentIntents.create(SALE, KEY);
  const cutOff = expect(first).rejects.toBeInstanceOf(Stripe.errors.StripeConnectionError);
  await eventually(async () => (await json('GET', '/_control/faults')).body).toEqual([]);
  const error = await rejection(Stripe.errors.StripeError, stripe.paymentIntents.create(SALE, KEY));
  expect(error).toMatchObject({ statusCode: 409, code: 'idempotency_key_in_use' });
  await close();
  await cutOff;
});

test('the key plays back once its slow first request was answered, or its answer lost', async () => {
  const { stripe, fault, operations } = await start();
  await fault({ provider: 'payment', operation: 'charge', fault: 'slow', delayMs: 20 });
  const { id } = await stripe.paymentIntents.create(SALE, KEY);
  expect((await stripe.paymentIntents.create(SALE, KEY)).id).toBe(id);

  // The package sends a request again by itself when the connection broke.
  await fault({ provider: 'payment', operation: 'charge', fault: 'reset_after_effect' });
  const repeated = await stripe.paymentIntents.create(SALE, { idempotencyKey: 'another' });
  expect(repeated.lastResponse.headers).toMatchObject({ 'idempotent-replayed': 'true' });
  expect(await operations()).toEqual(['charge', 'charge']);
});

test('a key longer than Stripe takes is refused', async () => {
  const { stripe } = await start();
  const long = { idempotencyKey: 'k'.repeat(256) };
  expect(await rejection(StripeIdempotencyError, stripe.paymentIntents.create(SALE, long))).toMatchObject({
    statusCode: 400,
  });
});
