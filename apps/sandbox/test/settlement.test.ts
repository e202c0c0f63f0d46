import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import Stripe from 'stripe';
import { expect, onTestFinished, test } from 'vitest';
import { eventually, rejection, SALE, start, tempDir } from './harness.ts';

const PROCESSING = { ...SALE, payment_method: 'pm_card_processing', metadata: { run: 'run_1' } };

test('a processing payment has charged nothing yet, and cannot be refunded', async () => {
  const { stripe, operations } = await start({ settleMs: 3_600_000 });
  const intent = await stripe.paymentIntents.create(PROCESSING);
  expect(intent).toMatchObject({ status: 'processing', amount_received: 0 });
  const refund = stripe.refunds.create({ payment_intent: intent.id });
  const error = await rejection(Stripe.errors.StripeInvalidRequestError, refund);
  expect(error.code).toBe('payment_intent_unexpected_state');
  expect(await operations()).toEqual([]);
});

test('it settles by itself into one charge; its key still plays the first answer back', async () => {
  const { stripe, ledger } = await start({ settleMs: 20 });
  const { id } = await stripe.paymentIntents.create(PROCESSING, { idempotencyKey: 'k' });
  await eventually(async () => (await stripe.paymentIntents.retrieve(id)).status).toBe('succeeded');
  expect(await ledger()).toMatchObject([
    { operation: 'charge', reference: 'run_1', id, idempotencyKey: 'k', amount: 3800 },
  ]);
  const replayed = await stripe.paymentIntents.create(PROCESSING, { idempotencyKey: 'k' });
  expect(replayed).toMatchObject({ id, status: 'processing' });
});

test('a payment that was processing when the sandbox stopped settles after it is back', async () => {
  const dataDir = await tempDir();
  const before = await start({ dataDir, settleMs: 300 });
  const { id } = await before.stripe.paymentIntents.create(PROCESSING);
  await before.close();
  const after = await start({ dataDir });
  await eventually(async () => (await after.stripe.paymentIntents.retrieve(id)).status).toBe('succeeded');
  expect(await after.operations()).toEqual(['charge']);
});

test('the webhook is signed as Stripe signs, and sent again until it is taken, across a restart too', async () => {
  const dataDir = await tempDir();
  const hook = await receiver();
  const webhook = { url: hook.url, secret: 'whsec_of_the_test' };

  hook.answerWith(503);
  const before = await start({ dataDir, settleMs: 0, webhook });
  const { id } = await before.stripe.paymentIntents.create(PROCESSING);
  await eventually(() => hook.received.length).toBe(1);
  await before.close();

  hook.answerWith(200);
  const after = await start({ dataDir, webhook });
  await eventually(() => hook.received.length).toBe(2);
  const [first, second] = hook.received.map(({ body, signature }) =>
    after.stripe.webhooks.constructEvent(body, signature, webhook.secret),
  );
  expect(second).toEqual(first);
  expect(second).toMatchObject({
    type: 'payment_intent.succeeded',
    data: { object: { id, status: 'succeeded', metadata: { run: 'run_1' } } },
  });
  expect(() =>
    after.stripe.webhooks.constructEvent('{}', hook.received[1]?.signature ?? '', webhook.secret),
  ).toThrow(Stripe.errors.StripeSignatureVerificationError);
  expect(await after.operations()).toEqual(['charge']);

  // what was taken comes once more
  await eventually(() => hook.received.length).toBe(3);
  expect(hook.received[2]?.body).toBe(hook.received[1]?.body);
});

async function receiver() {
  let status = 200;
  const received: { readonly body: string; readonly signature: string }[] = [];
  const server = createServer(async (request, response) => {
    const body = await text(request);
    received.push({ body, signature: String(request.headers['stripe-signature']) });
    response.writeHead(status).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const { port } = server.address() as AddressInfo;
  const answerWith = (next: number) => {
    status = next;
  };
  return { url: `http://127.0.0.1:${port}/hook`, received, answerWith };
}
