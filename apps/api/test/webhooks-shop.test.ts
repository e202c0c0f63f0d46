import { createHmac } from 'node:crypto';
import { waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  PAYMENT,
  type PaymentService,
  startPaymentService,
  WEBHOOK_SECRET,
} from './support/payment-service.ts';
import type { Answer } from './support/test-api.ts';

let service: PaymentService;
beforeAll(async () => {
  service = await startPaymentService({ told: true });
  await service.startWorker();
});
afterAll(() => service.stop());

type Event = { readonly id: string; readonly type: string; readonly status: string; readonly runId?: string };
const eventsOf = async (run: string): Promise<Event[]> => {
  const { json } = await service.api.ask({ path: '/v1/webhook-events?source=stripe&limit=100' });
  return (json.data as Event[]).filter(({ runId }) => runId === run);
};
const deliveries = async (outcome: string): Promise<number> => {
  const { text } = await service.api.ask({ path: '/metrics' });
  return Number(
    new RegExp(`webhooks_total\\{source="stripe",outcome="${outcome}",.*\\} (\\d+)`).exec(text)?.[1] ?? 0,
  );
};
const paymentThat = (id: string, is: (payment: Answer['json']) => boolean) =>
  waitFor(async () => [await service.payment(id)].find(is), { what: `payment ${id}`, timeoutMs: 20_000 });
const pay = async (paymentMethod: string) =>
  String((await service.pay({ ...PAYMENT, paymentMethod })).json.id);

/** Tells the shop of an intent of a run, signed as Stripe signs. */
function tell(type: string, run: string, id: string): Promise<Answer> {
  const body = JSON.stringify({ id, type, data: { object: { id: 'pi_another', metadata: { run } } } });
  const t = Math.floor(Date.now() / 1_000);
  const signature = createHmac('sha256', WEBHOOK_SECRET).update(`${t}.${body}`).digest('hex');
  const headers = { 'content-type': 'application/json', 'stripe-signature': `t=${t},v1=${signature}` };
  return service.api.ask({ method: 'POST', path: '/v1/webhooks/stripe', headers, body });
}

test('a payment that settles later goes on by the webhook, which comes twice and counts once', async () => {
  const id = await pay('pm_card_processing');
  await paymentThat(id, ({ status }) => status === 'completed');
  const [event, ...others] = await waitFor(async () => [await eventsOf(id)].find((all) => all.length > 0), {
    what: 'the event',
  });
  expect(event).toMatchObject({ type: 'payment_intent.succeeded', status: 'processed', runId: id });
  expect(others).toEqual([]);
  await waitFor(async () => (await deliveries('duplicate')) > 0, { what: 'the event to come again' });
  expect(await eventsOf(id)).toHaveLength(1);
  expect(await service.effects({ run: id })).toHaveLength(1);
});

test('a payment that its bank returns fails by the webhook', async () => {
  const id = await pay('pm_card_processingFails');
  await paymentThat(id, ({ status }) => status === 'failed');
  expect(await service.effects({ run: id })).toEqual([]);
});

test('an event is a hint: a failure of another intent, told first, fails no payment', async () => {
  const id = await pay('pm_card_authenticationRequired');
  const waiting = await paymentThat(id, ({ nextAction }) => nextAction !== undefined);
  expect((await tell('payment_intent.payment_failed', id, 'evt_early')).status).toBe(200);
  await waitFor(async () => (await eventsOf(id))[0]?.status === 'processed', { what: 'the early event' });
  await service.runWith(id, 'suspended');
  expect(await service.payment(id)).toMatchObject({ status: 'pending' });
  const { url } = waiting.nextAction as { url: string };
  await fetch(`${url}/confirm`, { method: 'POST', redirect: 'manual' });
  await paymentThat(id, ({ status }) => status === 'completed');
  expect(await service.effects({ run: id })).toHaveLength(1);
});
