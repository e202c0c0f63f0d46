import Stripe from 'stripe';
import { expect, test } from 'vitest';
import { rejection, SALE, start } from './harness.ts';

const { StripeInvalidRequestError } = Stripe.errors;

test('intents are listed newest first, a page at a time', async () => {
  const { stripe } = await start();
  const ids: string[] = [];
  for (const run of ['run_1', 'run_2', 'run_3', 'run_4', 'run_5']) {
    ids.push((await stripe.paymentIntents.create({ ...SALE, metadata: { run } })).id);
  }
  const first = await stripe.paymentIntents.list({ limit: 2 });
  expect(first).toMatchObject({ object: 'list', has_more: true, url: '/v1/payment_intents' });
  expect(first.data.map(({ metadata }) => metadata.run)).toEqual(['run_5', 'run_4']);
  const all = await stripe.paymentIntents.list({ limit: 2 }).autoPagingToArray({ limit: 100 });
  expect(all.map(({ id }) => id)).toEqual(ids.toReversed());
  const whole = await stripe.paymentIntents.list({ limit: 5 });
  expect(whole.has_more).toBe(false);
});

test('what failed, and what was never confirmed, is listed too', async () => {
  const { stripe } = await start();
  await stripe.paymentIntents.create({ ...SALE, confirm: false });
  await stripe.paymentIntents
    .create({ ...SALE, payment_method: 'pm_card_chargeDeclined' })
    .catch(() => undefined);
  const { data } = await stripe.paymentIntents.list();
  expect(data.map(({ status }) => status)).toEqual(['requires_payment_method', 'requires_confirmation']);
});

test('a span of time bounds the list', async () => {
  const { stripe } = await start();
  const { id, created } = await stripe.paymentIntents.create(SALE);
  for (const [span, ids] of [
    [{ gte: created }, [id]],
    [{ gt: created }, []],
    [{ lte: created, gt: created - 1 }, [id]],
    [{ lt: created }, []],
    [created, [id]],
  ] as const) {
    const { data } = await stripe.paymentIntents.list({ created: span });
    expect(data.map((intent) => intent.id)).toEqual(ids);
  }
  const { data: refunds } = await stripe.refunds.list({ created: { gte: created } });
  expect(refunds).toEqual([]);
});

test.each([
  [{ limit: 101 }, 'limit'],
  [{ limit: 0 }, 'limit'],
  [{ starting_after: 'pi_none' }, 'starting_after'],
  [{ created: { gte: -1 } }, 'created'],
])('a list that cannot be is refused: %j', async (parameters, param) => {
  const { stripe } = await start();
  const error = await rejection(StripeInvalidRequestError, stripe.paymentIntents.list(parameters));
  expect(error.param).toMatch(param);
});
