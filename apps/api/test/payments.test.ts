import { createClient } from '@holdfast/engine';
import { paymentContract } from '@holdfast/flows';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newKey, ORDER } from './support/order.ts';
import { PAYMENT, type PaymentService, startPaymentService } from './support/payment-service.ts';
import type { Answer } from './support/test-api.ts';

let service: PaymentService;
beforeAll(async () => {
  service = await startPaymentService();
});
afterAll(() => service.stop());

const outcome = ({ status, json }: Answer) => ({ status, code: json.code });

describe('before a worker has looked at it', () => {
  test('a payment is accepted with 202, as a run of the flow `payment`, and pending', async () => {
    const key = newKey();
    const { status, headers, json } = await service.pay(PAYMENT, { 'idempotency-key': key });
    expect(status).toBe(202);
    expect(headers.location).toBe(`/v1/runs/${json.id}`);
    expect(headers['retry-after']).toBe('1');
    expect(json).toMatchObject({ flow: 'payment', status: 'pending', idempotencyKey: key });
    expect(await service.payment(String(json.id))).toEqual({
      id: json.id,
      amount: 1000,
      currency: 'usd',
      customerId: 'cus_1',
      description: 'Two T-shirts',
      status: 'pending',
      refundedAmount: 0,
      createdAt: json.createdAt,
    });
  });

  test('the same request again is the same payment, 202', async () => {
    const key = newKey();
    const first = await service.pay(PAYMENT, { 'idempotency-key': key });
    const again = await service.pay(PAYMENT, { 'idempotency-key': `"${key}"` });
    expect(again.status).toBe(202);
    expect(again.headers['idempotent-replayed']).toBe('true');
    expect(again.json).toEqual(first.json);
  });

  test('one that is cancelled has failed, and says so', async () => {
    const { json } = await service.pay();
    const id = String(json.id);
    expect((await service.operate(`/v1/runs/${id}/cancel`)).status).toBe(202);
    await service.startWorker();
    await service.runWith(id, 'cancelled');
    expect(await service.payment(id)).toMatchObject({
      status: 'failed',
      error: { code: 'payment_cancelled' },
      refundedAmount: 0,
    });
    expect(await service.effects({ run: id })).toEqual([]);
  });
});

describe('with a worker', () => {
  test('a payment is charged and completed', async () => {
    const { status, headers, json } = await service.pay(PAYMENT, { prefer: 'wait=20' });
    expect(status).toBe(200);
    expect(headers['preference-applied']).toBe('wait=20');
    const payment = await service.payment(String(json.id));
    expect(payment).toEqual({
      id: json.id,
      amount: 1000,
      currency: 'usd',
      customerId: 'cus_1',
      description: 'Two T-shirts',
      status: 'completed',
      chargeId: expect.stringMatching(/^pi_/),
      refundedAmount: 0,
      createdAt: json.createdAt,
      completedAt: json.finishedAt,
    });
    const { createdAt: _, completedAt: __, refundedAmount: ___, ...output } = payment;
    expect(json.output).toEqual(output);
    expect(await service.effects({ run: json.id })).toMatchObject([
      { operation: 'charge', id: payment.chargeId, amount: 1000, currency: 'usd' },
    ]);
  });

  test('the same request again is the first payment, 200, and charges nothing', async () => {
    const key = newKey();
    const first = await service.pay(PAYMENT, { 'idempotency-key': key, prefer: 'wait=20' });
    const again = await service.pay(PAYMENT, { 'idempotency-key': key, prefer: 'wait=20' });
    expect(again.status).toBe(200);
    expect(again.headers['idempotent-replayed']).toBe('true');
    expect(again.json).toEqual(first.json);
    expect(await service.effects({ run: first.json.id })).toHaveLength(1);
  });

  test('another request under the key is refused, and nothing changes', async () => {
    const key = newKey();
    const first = await service.pay(PAYMENT, { 'idempotency-key': key, prefer: 'wait=20' });
    const other = await service.pay({ ...PAYMENT, amount: 1001 }, { 'idempotency-key': key });
    expect(outcome(other)).toEqual({ status: 422, code: 'idempotency_key_reused' });
    expect(other.json.runId).toBe(first.json.id);
    expect(await service.effects({ run: first.json.id })).toHaveLength(1);
  });

  test.each([
    ['pm_card_chargeDeclined', 'generic_decline', 'Your card was declined.'],
    ['pm_card_chargeDeclinedInsufficientFunds', 'insufficient_funds', 'Your card has insufficient funds.'],
  ])('%s has failed with card_declined', async (paymentMethod, declineCode, says) => {
    const { status, json } = await service.pay({ ...PAYMENT, paymentMethod }, { prefer: 'wait=20' });
    expect({ status, run: json.status }).toEqual({ status: 200, run: 'failed' });
    const payment = await service.payment(String(json.id));
    expect(payment).toMatchObject({
      status: 'failed',
      refundedAmount: 0,
      error: { code: 'card_declined', kind: 'rejected', step: 'charge', details: { declineCode } },
    });
    expect(payment.error).toMatchObject({ message: expect.stringContaining(says) });
    expect(payment).not.toHaveProperty('chargeId');
    expect(payment).not.toHaveProperty('completedAt');
    expect(await service.effects({ run: json.id })).toEqual([]);
  });

  test('one that is dead is pending, with the reason, and completed once redriven', async () => {
    await service.fault({ operation: 'charge', fault: 'error', status: 503, retryAfter: 0, times: 8 });
    const { json } = await service.pay();
    const id = String(json.id);
    await service.runWith(id, 'dead');
    expect(await service.payment(id)).toMatchObject({
      status: 'pending',
      error: { kind: 'exhausted', step: 'charge' },
    });
    await service.operate(`/v1/dead-letters/${id}/redrive`);
    await service.runWith(id, 'completed');
    const payment = await service.payment(id);
    expect(payment.status).toBe('completed');
    expect(payment).not.toHaveProperty('error');
    expect(await service.effects({ run: id })).toHaveLength(1);
  });

  test('reading one does not ask the provider', async () => {
    const id = await service.paid();
    await service.fault({ fault: 'error', status: 500, times: 1 });
    const untouched = await service.faults();
    expect(await service.payment(id)).toMatchObject({ status: 'completed' });
    expect(await service.faults()).toEqual(untouched);
    await service.noFaults();
  });

  test('one that is read has an ETag that changes when a refund is done, and answers 304 until then', async () => {
    const id = await service.paid();
    const path = `/v1/payments/${id}`;
    const { headers } = await service.api.ask({ path });
    expect(headers.etag).toMatch(/^"[^"]+"$/);
    expect(headers['cache-control']).toBe('private, no-cache');
    const known = { 'if-none-match': headers.etag };
    const unchanged = await service.api.ask({ path, headers: known });
    expect([unchanged.status, unchanged.text]).toEqual([304, '']);
    await service.refund(id, { amount: 1, reason: 'a scratch' }, { prefer: 'wait=20' });
    const changed = await service.api.ask({ path, headers: known });
    expect([changed.status, changed.json.status]).toEqual([200, 'partially_refunded']);
  });

  test('any other route to its flow takes it too', async () => {
    const { status, json } = await service.api.order(PAYMENT, {}, '/v1/flows/payment/runs');
    expect(status).toBe(202);
    expect((await service.payment(String(json.id))).id).toBe(json.id);
  });
});

describe('a payment that is not there', () => {
  const read = (id: unknown) => service.api.ask({ path: `/v1/payments/${id}` });

  test.each(['run_none', 'x', '__proto__'])('%s is answered with 404', async (id) => {
    expect(outcome(await read(id))).toEqual({ status: 404, code: 'payment_not_found' });
    expect(outcome(await service.refund(id, { reason: 'why not' }))).toEqual({
      status: 404,
      code: 'payment_not_found',
    });
  });

  test('a run that is no payment is none', async () => {
    const { json } = await service.api.order(ORDER);
    expect(outcome(await read(json.id))).toEqual({ status: 404, code: 'payment_not_found' });
    const refund = await service.refund(String(json.id), { reason: 'why not' });
    expect(outcome(refund)).toEqual({ status: 404, code: 'payment_not_found' });
  });

  test("another tenant's is none", async () => {
    const connection = new Redis(service.api.redis.url);
    const client = createClient({ connection, flows: [paymentContract] });
    const reply = await client.submit({
      ...{ flow: 'payment', input: PAYMENT, tenant: 'other' },
      ...{ idempotencyKey: 'theirs', fingerprint: 'theirs' },
    });
    const id = 'run' in reply ? reply.run.id : '';
    const theirs = await client.waitForEnd('other', id, 20_000);
    await client.close();
    connection.disconnect();
    expect(theirs?.status).toBe('completed');
    expect(outcome(await read(id))).toEqual({ status: 404, code: 'payment_not_found' });
    const refund = await service.refund(id, { amount: 1, reason: 'not mine' });
    expect(outcome(refund)).toEqual({ status: 404, code: 'payment_not_found' });
    expect(await service.effects({ run: id })).toHaveLength(1);
  });
});

describe.each([
  ['/v1/payments', PAYMENT],
  ['/v1/payments/run_1/refunds', { amount: 1, reason: 'why not' }],
])('POST %s', (path, body) => {
  const post = (sent: unknown, headers = {}) => service.api.order(sent, headers, path);

  test.each<[string, string | string[] | undefined, string]>([
    ['missing', undefined, 'idempotency_key_missing'],
    ['empty', '', 'idempotency_key_invalid'],
    ['too long', 'k'.repeat(256), 'idempotency_key_invalid'],
    ['with a space', 'a b', 'idempotency_key_invalid'],
    ['sent twice', ['a', 'b'], 'idempotency_key_invalid'],
  ])('with a key that is %s is answered with 400', async (_what, key, code) => {
    expect(outcome(await post(body, { 'idempotency-key': key }))).toEqual({ status: 400, code });
  });

  test.each<[string, string, object, number, string]>([
    ['broken JSON', '{"amount":', {}, 400, 'body_malformed'],
    ['nothing', '', {}, 400, 'body_missing'],
    [
      'no JSON',
      'amount=1',
      { 'content-type': 'application/x-www-form-urlencoded' },
      415,
      'media_type_unsupported',
    ],
    ['too much', JSON.stringify({ ...body, more: 'x'.repeat(257 * 1024) }), {}, 413, 'body_too_large'],
    ['a list', '[]', {}, 422, 'validation_failed'],
  ])('with %s is refused', async (_what, sent, headers, status, code) => {
    expect(outcome(await post(sent, headers))).toEqual({ status, code });
  });

  test.each<[string, object, string]>([
    ['an unknown member', { coupon: 'X' }, 'coupon'],
    ['an amount of zero', { amount: 0 }, 'amount'],
    ['a negative amount', { amount: -1 }, 'amount'],
    ['a fractional amount', { amount: 10.5 }, 'amount'],
    ['an amount as text', { amount: '10' }, 'amount'],
    ['an amount that is too large', { amount: 1e12 }, 'amount'],
    ['no amount at all', { amount: null }, 'amount'],
  ])('with %s is refused, saying where', async (_what, more, where) => {
    const { status, json } = await post({ ...body, ...more });
    expect({ status, code: json.code }).toEqual({ status: 422, code: 'validation_failed' });
    expect(json.errors).toEqual([{ path: where, message: expect.any(String) }]);
  });
});

describe('the input of a payment', () => {
  test.each<[string, object]>([
    ['amount', { amount: undefined }],
    ['currency', { currency: 'USD' }],
    ['currency', { currency: undefined }],
    ['customerId', { customerId: '' }],
    ['customerId', { customerId: undefined }],
    ['paymentMethod', { paymentMethod: undefined }],
    ['description', { description: 'x'.repeat(1_001) }],
  ])('with a bad %s is refused, and its key stays free', async (where, more) => {
    const key = newKey();
    const refused = await service.pay({ ...PAYMENT, ...more }, { 'idempotency-key': key });
    expect(outcome(refused)).toEqual({ status: 422, code: 'validation_failed' });
    expect(refused.json.errors).toEqual([{ path: where, message: expect.any(String) }]);
    const taken = await service.pay(PAYMENT, { 'idempotency-key': key });
    expect(taken.status).toBe(202);
    expect(taken.headers).not.toHaveProperty('idempotent-replayed');
  });
});
