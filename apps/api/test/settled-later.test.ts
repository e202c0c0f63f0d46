import { waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newKey, ORDER } from './support/order.ts';
import { PAYMENT, type PaymentService, startPaymentService } from './support/payment-service.ts';
import type { Answer } from './support/test-api.ts';

let service: PaymentService;
beforeAll(async () => {
  service = await startPaymentService();
  await service.startWorker();
});
afterAll(() => service.stop());

const reason = 'it did not fit';
const accepted = async (paymentMethod: string, more: object = {}) => {
  const { status, json } = await service.pay({ ...PAYMENT, paymentMethod, ...more });
  expect(status).toBe(202);
  return String(json.id);
};
const paymentThat = (id: string, is: (payment: Answer['json']) => boolean) =>
  waitFor(async () => [await service.payment(id)].find(is), { what: `payment ${id}`, timeoutMs: 20_000 });
const settled = (id: string, name = 'payment.settled') =>
  service.api.ask({
    ...{ method: 'POST', path: `/v1/runs/${id}/signals/${name}` },
    body: JSON.stringify({ id: newKey(), payload: null }),
    headers: { 'content-type': 'application/json' },
  });
const captured = async (run: string) =>
  (await service.effects({ run })).reduce(
    (sum, { operation, amount }) => sum + (operation === 'refund' ? -1 : 1) * Number(amount),
    0,
  );

describe('a payment that the customer has to confirm', () => {
  const toConfirm = async () => {
    const returnUrl = 'https://shop.example/back';
    const id = await accepted('pm_card_authenticationRequired', { returnUrl });
    const waiting = await paymentThat(id, ({ nextAction }) => nextAction !== undefined);
    const { url } = waiting.nextAction as { url: string };
    return { id, waiting, url, run: (await service.api.ask({ path: `/v1/runs/${id}` })).json };
  };
  const answer = (url: string, what: string) =>
    fetch(`${url}/${what}`, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
    });

  test('waits, says where to send them, and is completed once they have confirmed', async () => {
    const { id, waiting, url, run } = await toConfirm();
    expect(waiting).toMatchObject({ status: 'pending', nextAction: { type: 'redirect', url } });
    expect(run).toMatchObject({
      status: 'suspended',
      waitingFor: { kind: 'signal', name: 'payment.settled' },
      nextAction: { type: 'redirect', url },
    });
    expect(await (await fetch(url)).text()).toContain('1000 usd');
    expect(await captured(id)).toBe(0);

    const back = await answer(url, 'confirm');
    expect(back.status).toBe(303);
    expect(back.headers.get('location')).toMatch(/^https:\/\/shop\.example\/back\?payment_intent=pi_/);
    expect((await settled(id)).status).toBe(202);
    const completed = await paymentThat(id, ({ status }) => status === 'completed');
    expect(completed).not.toHaveProperty('nextAction');
    expect(await captured(id)).toBe(1000);
  });

  test('fails when they refuse, and can not be paid any more', async () => {
    const { id, url } = await toConfirm();
    await answer(url, 'refuse');
    await settled(id);
    const failed = await paymentThat(id, ({ status }) => status === 'failed');
    expect(failed).toMatchObject({ error: { code: 'payment_intent_authentication_failure' } });
    expect(failed).not.toHaveProperty('nextAction');
    expect((await answer(url, 'confirm')).status).toBe(404);
    expect(await captured(id)).toBe(0);
  });

  test('a signal before they have done anything changes nothing', async () => {
    const { id, url } = await toConfirm();
    await settled(id);
    await waitFor(
      async () => {
        const { json } = await service.api.ask({ path: `/v1/runs/${id}` });
        return json.status === 'suspended' && (json.steps as unknown[]).length === 2;
      },
      { what: 'the provider to be asked' },
    );
    expect(await service.payment(id)).toMatchObject({ status: 'pending', nextAction: { url } });
  });

  test('cancelled, nobody can confirm it any more', async () => {
    const { id, url } = await toConfirm();
    expect((await service.operate(`/v1/runs/${id}/cancel`)).status).toBe(202);
    await service.runWith(id, 'cancelled');
    expect((await answer(url, 'confirm')).status).toBe(404);
    expect(await captured(id)).toBe(0);
  });
});

describe.concurrent('a payment that its bank takes days for', () => {
  test('is completed when the provider says so, without anybody having to signal', async () => {
    const id = await accepted('pm_card_processing');
    await paymentThat(id, ({ status }) => status === 'completed');
    expect(await captured(id)).toBe(1000);
  });

  test('fails when its bank returns it', async () => {
    const id = await accepted('pm_card_processingFails');
    const failed = await paymentThat(id, ({ status }) => status === 'failed');
    expect(failed).toMatchObject({ error: { code: 'payment_method_provider_decline' } });
    expect(await captured(id)).toBe(0);
  });

  test('cancelled on its way, is paid back once it has arrived', async () => {
    const id = await accepted('pm_card_processing');
    await service.runWith(id, 'suspended');
    await service.operate(`/v1/runs/${id}/cancel`);
    await service.runWith(id, 'cancelled');
    expect((await service.effects({ run: id })).map(({ operation }) => operation)).toEqual([
      'charge',
      'refund',
    ]);
  });
});

describe.concurrent('a refund that is not settled at once', () => {
  const paidBy = async (paymentMethod: string) => {
    const { json } = await service.pay({ ...PAYMENT, paymentMethod }, { prefer: 'wait=20' });
    return String(json.id);
  };

  test('counts once it is', async () => {
    const id = await paidBy('pm_card_pendingRefund');
    const { json } = await service.refund(id, { amount: 400, reason });
    await service.runWith(String(json.id), 'suspended');
    expect(await service.payment(id)).toMatchObject({ status: 'completed', refundedAmount: 0 });
    await settled(String(json.id), 'refund.settled');
    await service.runWith(String(json.id), 'completed');
    expect(await service.payment(id)).toMatchObject({ status: 'partially_refunded', refundedAmount: 400 });
  });

  test('that fails gives its amount back', async () => {
    const id = await paidBy('pm_card_refundFail');
    const { json } = await service.refund(id, { reason });
    const run = await service.runWith(String(json.id), 'failed');
    expect(run.error).toMatchObject({ code: 'refund_failed' });
    expect(await service.payment(id)).toMatchObject({ status: 'completed', refundedAmount: 0 });
    expect((await service.refund(id, { reason })).status).toBe(202);
  });
});

describe('an order', () => {
  const refund = (id: string, body: object, headers: Record<string, string> = {}) =>
    service.api.order(body, headers, `/v1/orders/${id}/refunds`);

  test('can be refunded as payments can', async () => {
    const { json: order } = await service.api.order(ORDER, { prefer: 'wait=20' });
    expect(order.status).toBe('completed');
    const id = String(order.id);
    const first = await refund(id, { amount: 1000, reason }, { prefer: 'wait=20' });
    expect(first.json).toMatchObject({ flow: 'refund', status: 'completed', output: { paymentId: id } });
    const tooMuch = await refund(id, { amount: 2801, reason });
    expect(tooMuch).toMatchObject({
      status: 422,
      json: { code: 'refund_exceeds_payment', refundableAmount: 2800 },
    });
    await refund(id, { reason }, { prefer: 'wait=20' });
    expect(await captured(id)).toBe(3800);
    const { chargeId } = order.output as { chargeId: string };
    const refunds = await service.effects({ chargeId });
    expect(refunds.map(({ operation, amount }) => [operation, amount])).toEqual([
      ['charge', 3800],
      ['refund', 1000],
      ['refund', 2800],
    ]);
  });

  test('that is no order, or is not completed, is not refunded', async () => {
    expect(await refund(await service.paid(), { reason })).toMatchObject({
      status: 404,
      json: { code: 'order_not_found' },
    });
    const soldOut = { ...ORDER, items: [{ sku: 'SOLD-OUT-1', quantity: 1, unitAmount: 100 }] };
    const { json } = await service.api.order(soldOut, { prefer: 'wait=20' });
    expect(await refund(String(json.id), { reason })).toMatchObject({
      status: 409,
      json: { code: 'payment_not_refundable' },
    });
  });

  test('whose mail is refused is completed, with a warning', async () => {
    await service.fault({ provider: 'email', operation: 'send', fault: 'error', status: 550 });
    const { json } = await service.api.order(ORDER, { prefer: 'wait=20' });
    expect(json).toMatchObject({ status: 'completed', warnings: [{ step: 'email', kind: 'rejected' }] });
    expect(json.output).not.toHaveProperty('messageId');
  });
});

describe('money', () => {
  test.each<[string, object, string]>([
    ['a currency that nobody has', { currency: 'xyz' }, 'currency'],
    ['more than a charge may be', { amount: 100_000_000 }, 'amount'],
    ['part of a króna', { amount: 150, currency: 'isk' }, 'amount'],
    ['a tenth of a fils', { amount: 1001, currency: 'kwd' }, 'amount'],
  ])('%s is refused at the door', async (_what, more, path) => {
    const { status, json } = await service.pay({ ...PAYMENT, ...more });
    expect({ status, code: json.code }).toEqual({ status: 422, code: 'validation_failed' });
    expect(json.errors).toMatchObject([{ path }]);
  });

  test.each([
    ['jpy', 9_999_999_999],
    ['isk', 100],
    ['kwd', 1010],
  ])('%s is charged in its own units', async (currency, amount) => {
    const { json } = await service.pay({ ...PAYMENT, currency, amount }, { prefer: 'wait=20' });
    expect(json).toMatchObject({ status: 'completed', output: { currency, amount } });
  });

  test('a refund is of amounts that the currency has', async () => {
    const { json } = await service.pay({ ...PAYMENT, currency: 'isk', amount: 500 }, { prefer: 'wait=20' });
    const refused = await service.refund(String(json.id), { amount: 150, reason });
    expect(refused).toMatchObject({ status: 422, json: { code: 'validation_failed' } });
  });
});
