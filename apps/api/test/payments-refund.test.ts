import { waitFor } from '@holdfast/testkit';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { newKey } from './support/order.ts';
import { PAYMENT, type PaymentService, startPaymentService } from './support/payment-service.ts';
import type { Answer } from './support/test-api.ts';

let service: PaymentService;
beforeAll(async () => {
  service = await startPaymentService();
});
afterAll(() => service.stop());

const outcome = ({ status, json }: Answer) => ({ status, code: json.code });
const reason = 'it did not fit';
const AT_ONCE = 50;

/** What the provider has paid back of a payment. */
async function paidBack(paymentId: string): Promise<number> {
  const { chargeId } = await service.payment(paymentId);
  const effects = await service.effects({ chargeId });
  return effects
    .filter(({ operation }) => operation === 'refund')
    .reduce((sum, { amount }) => sum + Number(amount), 0);
}

/** The run of a refund of this size that the provider refuses to do, once it has this status. */
async function refundThatIs(status: 'failed' | 'dead', paymentId: string, amount: number): Promise<string> {
  const fault = status === 'failed' ? { status: 402 } : { status: 503, retryAfter: 0, times: 8 };
  await service.fault({ operation: 'refund', fault: 'error', ...fault });
  const { json } = await service.refund(paymentId, { amount, reason });
  await service.runWith(String(json.id), status);
  return String(json.id);
}

test('a payment that is not completed cannot be refunded, and the key stays free', async () => {
  const { json } = await service.pay();
  const id = String(json.id);
  const key = { 'idempotency-key': newKey() };
  expect(outcome(await service.refund(id, { reason }, key))).toEqual({
    status: 409,
    code: 'payment_not_refundable',
  });
  await service.startWorker();
  await service.runWith(id, 'completed');
  expect((await service.refund(id, { reason }, key)).status).toBe(202);

  const declined = await service.pay(
    { ...PAYMENT, paymentMethod: 'pm_card_chargeDeclined' },
    { prefer: 'wait=20' },
  );
  expect(outcome(await service.refund(String(declined.json.id), { reason }))).toEqual({
    status: 409,
    code: 'payment_not_refundable',
  });
});

describe('a refund', () => {
  test('of all is accepted with 202, as a run of the flow `refund`, and pays back once', async () => {
    const id = await service.paid();
    const { status, headers, json } = await service.refund(id, { amount: 1000, reason });
    expect(status).toBe(202);
    expect(headers.location).toBe(`/v1/runs/${json.id}`);
    expect(json).toMatchObject({ flow: 'refund', status: 'pending' });
    const run = await service.runWith(String(json.id), 'completed');
    expect(run.output).toEqual({ paymentId: id, amount: 1000 });
    expect(await service.payment(id)).toMatchObject({
      status: 'refunded',
      amount: 1000,
      refundedAmount: 1000,
    });
    expect(await paidBack(id)).toBe(1000);
  });

  test('without an amount is of all that is left, and Prefer: wait sees it end', async () => {
    const id = await service.paid();
    await service.refund(id, { amount: 300, reason }, { prefer: 'wait=20' });
    expect(await service.payment(id)).toMatchObject({ status: 'partially_refunded', refundedAmount: 300 });
    const { status, json } = await service.refund(id, { reason }, { prefer: 'wait=20' });
    expect(status).toBe(200);
    expect(json.output).toEqual({ paymentId: id, amount: 700 });
    expect(await service.payment(id)).toMatchObject({ status: 'refunded', refundedAmount: 1000 });
    expect(await paidBack(id)).toBe(1000);
  });

  test('can be had several times, up to what was paid, and not a cent more', async () => {
    const id = await service.paid();
    for (const amount of [400, 350]) await service.refund(id, { amount, reason }, { prefer: 'wait=20' });
    const key = { 'idempotency-key': newKey() };
    const tooMuch = await service.refund(id, { amount: 251, reason }, key);
    expect(outcome(tooMuch)).toEqual({ status: 422, code: 'refund_exceeds_payment' });
    expect(tooMuch.json.detail).toContain('250');
    expect(tooMuch.json.refundableAmount).toBe(250);
    expect((await service.refund(id, { amount: 250, reason }, { ...key, prefer: 'wait=20' })).status).toBe(
      200,
    );
    const nothingLeft = await service.refund(id, { reason });
    expect(outcome(nothingLeft)).toEqual({ status: 422, code: 'refund_exceeds_payment' });
    expect(nothingLeft.json.refundableAmount).toBe(0);
    expect(await paidBack(id)).toBe(1000);
  });

  test.each<[string, object]>([
    ['reason', { amount: 1 }],
    ['reason', { reason: 'x'.repeat(1_001) }],
    ['reason', { reason: 1 }],
    ['paymentId', { reason, paymentId: 'run_1' }],
  ])('with a bad %s is refused, saying where', async (where, body) => {
    const { status, json } = await service.refund('run_1', body);
    expect({ status, code: json.code }).toEqual({ status: 422, code: 'validation_failed' });
    expect(json.errors).toEqual([{ path: where, message: expect.any(String) }]);
  });
});

describe('the same key', () => {
  test('with the same request is the same refund, also when nothing is left to take', async () => {
    const id = await service.paid();
    const key = newKey();
    const first = await service.refund(id, { reason }, { 'idempotency-key': key, prefer: 'wait=20' });
    const again = await service.refund(id, { reason }, { 'idempotency-key': `"${key}"` });
    expect(again.status).toBe(200);
    expect(again.headers['idempotent-replayed']).toBe('true');
    expect(again.json).toEqual(first.json);
    expect(await paidBack(id)).toBe(1000);
  });

  test('with another request is refused: another amount, none, another payment', async () => {
    const [id, other] = [await service.paid(), await service.paid()];
    const headers = { 'idempotency-key': newKey(), prefer: 'wait=20' };
    const first = await service.refund(id, { amount: 1000, reason }, headers);
    for (const again of [
      await service.refund(id, { amount: 999, reason }, headers),
      await service.refund(id, { reason }, headers),
      await service.refund(id, { amount: 1000, reason: 'another' }, headers),
      await service.refund(other, { amount: 1000, reason }, headers),
      await service.refund('run_none', { amount: 1000, reason }, headers),
    ]) {
      expect(outcome(again)).toEqual({ status: 422, code: 'idempotency_key_reused' });
      expect(again.json.runId).toBe(first.json.id);
    }
    expect(await service.payment(other)).toMatchObject({ status: 'completed' });
    expect((await service.refund(other, { amount: 1000, reason })).status).toBe(202);
  });

  test.each([
    ['with an amount', { amount: 600, reason }, 600],
    ['without one', { reason }, 1000],
  ])('%s, many times at once, is one refund', async (_what, body, amount) => {
    const id = await service.paid();
    const headers = { 'idempotency-key': newKey() };
    const answers = await Promise.all(
      Array.from({ length: AT_ONCE }, () => service.refund(id, body, headers)),
    );
    expect(new Set(answers.map(({ json }) => json.id)).size).toBe(1);
    expect(answers.filter((a) => a.headers['idempotent-replayed'] === undefined)).toHaveLength(1);
    await service.runWith(String(answers[0]?.json.id), 'completed');
    expect(await service.payment(id)).toMatchObject({ refundedAmount: amount });
    expect(await paidBack(id)).toBe(amount);
  });
});

describe('many refunds at once', () => {
  const atOnce = async (id: string, body: object) => {
    const answers = await Promise.all(Array.from({ length: AT_ONCE }, () => service.refund(id, body)));
    const accepted = answers.filter(({ status }) => status === 202 || status === 200);
    await Promise.all(accepted.map(({ json }) => service.runWith(String(json.id), 'completed')));
    for (const answer of answers.filter((one) => !accepted.includes(one))) {
      expect(outcome(answer)).toEqual({ status: 422, code: 'refund_exceeds_payment' });
    }
    return accepted.length;
  };

  test('that fit are all paid, to the last cent', async () => {
    const id = await service.paid();
    expect(await atOnce(id, { amount: 1000 / AT_ONCE, reason })).toBe(AT_ONCE);
    expect(await service.payment(id)).toMatchObject({ status: 'refunded', refundedAmount: 1000 });
    expect(await paidBack(id)).toBe(1000);
  });

  test('that do not fit never pay out more than was paid', async () => {
    const id = await service.paid();
    expect(await atOnce(id, { amount: 30, reason })).toBe(33);
    expect(await service.payment(id)).toMatchObject({ status: 'partially_refunded', refundedAmount: 990 });
    expect(await paidBack(id)).toBe(990);
  });

  test('of all that is left are one', async () => {
    const id = await service.paid();
    expect(await atOnce(id, { reason })).toBe(1);
    expect(await service.payment(id)).toMatchObject({ status: 'refunded', refundedAmount: 1000 });
    expect(await paidBack(id)).toBe(1000);
  });
});

describe('a refund that the provider', { timeout: 60_000 }, () => {
  const left = async (id: string) =>
    (await service.refund(id, { amount: 1001, reason })).json.refundableAmount;

  test('refuses has failed, and gives its amount back', async () => {
    const id = await service.paid();
    const failed = await refundThatIs('failed', id, 600);
    expect(await service.payment(id)).toMatchObject({ status: 'completed', refundedAmount: 0 });
    expect(await left(id)).toBe(1000);
    expect(outcome(await service.operate(`/v1/runs/${failed}/rerun`))).toEqual({
      status: 409,
      code: 'run_drawn_upon',
    });
    await service.refund(id, { reason }, { prefer: 'wait=20' });
    expect(await paidBack(id)).toBe(1000);
  });

  test('cannot do keeps its amount while it is dead, and pays back once redriven', async () => {
    const id = await service.paid();
    const dead = await refundThatIs('dead', id, 600);
    expect(await service.payment(id)).toMatchObject({ status: 'completed', refundedAmount: 0 });
    expect(await left(id)).toBe(400);
    await service.operate(`/v1/dead-letters/${dead}/redrive`);
    await service.runWith(dead, 'completed');
    expect(await service.payment(id)).toMatchObject({ status: 'partially_refunded', refundedAmount: 600 });
    expect(await paidBack(id)).toBe(600);
  });

  test('cannot do gives its amount back once it is cancelled', async () => {
    const id = await service.paid();
    const dead = await refundThatIs('dead', id, 600);
    expect(await left(id)).toBe(400);
    await service.operate(`/v1/dead-letters/${dead}/cancel`);
    await service.runWith(dead, 'cancelled');
    expect(await left(id)).toBe(1000);
    expect(await paidBack(id)).toBe(0);
  });

  test('did in the end, though it was cancelled, counts as paid back', async () => {
    const id = await service.paid();
    // nobody knows of the eighth, and the cancel finds out
    await service.fault({ operation: 'refund', fault: 'error', status: 503, times: 7 });
    await service.fault({ operation: 'refund', fault: 'reset_after_effect', times: 1 });
    const { json } = await service.refund(id, { amount: 600, reason });
    const run = String(json.id);
    await service.runWith(run, 'dead');
    await service.operate(`/v1/dead-letters/${run}/cancel`);
    await service.runWith(run, 'cancelled');
    expect(await service.payment(id)).toMatchObject({ status: 'partially_refunded', refundedAmount: 600 });
    expect(await left(id)).toBe(400);
    expect(await paidBack(id)).toBe(600);
  });

  test('did, but did not confirm, pays back once', async () => {
    const id = await service.paid();
    await service.fault({ operation: 'refund', fault: 'reset_after_effect', times: 1 });
    const { status } = await service.refund(id, { amount: 600, reason }, { prefer: 'wait=20' });
    expect(status).toBe(200);
    expect(await service.payment(id)).toMatchObject({ refundedAmount: 600 });
    expect(await paidBack(id)).toBe(600);
  });
});

describe('there is no way around the payment', () => {
  test('the flow `refund` takes no runs of its own', async () => {
    const id = await service.paid();
    const { chargeId } = await service.payment(id);
    const input = { paymentId: id, chargeId, amount: 1000, reason };
    const { status, json } = await service.api.order(input, {}, '/v1/flows/refund/runs');
    expect({ status, code: json.code }).toEqual({ status: 403, code: 'flow_not_submittable' });
    expect(json.detail).toContain('POST /v1/payments/{id}/refunds');
    expect(await paidBack(id)).toBe(0);
  });

  test('neither a refund nor the payment it was taken from is started afresh', async () => {
    const id = await service.paid();
    const { json } = await service.refund(id, { amount: 1, reason }, { prefer: 'wait=20' });
    for (const run of [id, String(json.id)]) {
      expect(outcome(await service.operate(`/v1/runs/${run}/rerun`))).toEqual({
        status: 409,
        code: 'run_drawn_upon',
      });
    }
  });
});

test('without Redis every answer is a 503, and nothing is lost', async () => {
  const id = await service.paid();
  const headers = { 'idempotency-key': newKey() };
  await service.stopWorker();
  await service.api.redis.kill('SIGKILL');
  for (const answer of [
    await service.pay(PAYMENT, headers),
    await service.refund(id, { reason }, headers),
    await service.api.ask({ path: `/v1/payments/${id}` }),
  ]) {
    expect(outcome(answer)).toEqual({ status: 503, code: 'store_unavailable' });
    expect(answer.headers['retry-after']).toMatch(/^\d+$/);
  }
  await service.api.redis.start();
  await service.startWorker();
  const json = await waitFor(
    async () => {
      const answer = await service.refund(id, { reason }, headers);
      return answer.status === 202 && answer.json;
    },
    { what: 'the API to have found Redis again' },
  );
  await service.runWith(String(json.id), 'completed');
  expect(await paidBack(id)).toBe(1000);
});
