import type { Client, Run, SubmitReply } from '@holdfast/engine';
import { Amount, PaymentOutput, paymentContract, RefundInput, refundContract } from '@holdfast/flows';
import { z } from 'zod';
import { ProblemError } from './problems.ts';

/** What `POST /v1/payments/{id}/refunds` takes. */
export const RefundRequest = z.strictObject({
  amount: Amount.optional().meta({
    description: 'Minor units. Left out: all that is left when the refund is accepted.',
  }),
  reason: RefundInput.shape.reason.unwrap(),
});
export type RefundRequest = z.infer<typeof RefundRequest>;

export interface RefundOrder {
  readonly tenant: string;
  readonly paymentId: string;
  readonly idempotencyKey: string;
  /** Of the request as it was sent; the payment's id is in it. */
  readonly fingerprint: string;
  readonly request: RefundRequest;
}

/** @throws ProblemError `payment_not_found`: also for a run that is something else */
export async function findPayment(client: Client, tenant: string, id: string): Promise<Run> {
  return asPayment(await client.getRun(tenant, id));
}

/**
 * Creates the refund and takes its amount from the payment, both or neither; or finds the refund that the key became before.
 * @throws ProblemError `payment_not_found`, `payment_not_refundable` or `refund_exceeds_payment`; the key stays free
 */
export async function submitRefund(client: Client, order: RefundOrder): Promise<SubmitReply> {
  const { tenant, paymentId, idempotencyKey } = order;
  const [before, payment] = await Promise.all([
    client.findByKey(tenant, refundContract.name, idempotencyKey),
    client.getRun(tenant, paymentId),
  ]);
  return (
    (before && (await submitAgain(client, order, before))) ?? submitNew(client, order, asPayment(payment))
  );
}

/**
 * The key has its refund, whatever has become of the payment since.
 * @returns undefined when that refund was forgotten a moment ago, so that the key is free
 */
async function submitAgain(
  client: Client,
  order: RefundOrder,
  before: Run,
): Promise<SubmitReply | undefined> {
  const input = RefundInput.parse(before.input);
  if (input.paymentId !== order.paymentId) return { outcome: 'key_reused', runId: before.id };
  const reply = await draw(client, order, input, input.amount);
  return 'run' in reply || reply.outcome === 'key_reused' ? reply : undefined;
}

async function submitNew(client: Client, order: RefundOrder, payment: Run): Promise<SubmitReply> {
  if (payment.status !== 'completed') throw notRefundable(`is ${payment.status}`);
  const { id: paymentId } = payment;
  const { amount: paid, chargeId, currency } = PaymentOutput.parse(payment.output);
  const { amount: wanted, reason } = order.request;

  // also with nothing left: the same request may have taken it a moment ago, and is this one's answer
  let amount = wanted ?? Math.max(paid - payment.drawn, 1);
  for (;;) {
    const reply = await draw(client, order, { paymentId, chargeId, amount, reason }, paid);
    switch (reply.outcome) {
      case 'source_not_completed':
        throw notRefundable('was started afresh, or forgotten after the retention time');
      case 'draw_exceeds':
        if (wanted !== undefined || reply.left === 0) throw exceeds(reply.left, currency, wanted);
        // another refund came first and left some
        amount = reply.left;
        break;
      default:
        return reply;
    }
  }
}

function draw(client: Client, order: RefundOrder, input: RefundInput, limit: number) {
  const { tenant, idempotencyKey, fingerprint } = order;
  return client.submitDrawing(
    { flow: refundContract.name, input, tenant, idempotencyKey, fingerprint },
    { from: input.paymentId, amount: input.amount, limit },
  );
}

function asPayment(run: Run | undefined): Run {
  if (run?.flow === paymentContract.name) return run;
  throw new ProblemError('payment_not_found', 'There is no payment with this id.');
}

function notRefundable(why: string): ProblemError {
  return new ProblemError(
    'payment_not_refundable',
    `This payment ${why}; only a completed payment can be refunded.`,
  );
}

function exceeds(left: number, currency: string, wanted: number | undefined): ProblemError {
  const detail =
    wanted === undefined
      ? 'Nothing of this payment is left to refund.'
      : `Of this payment ${left} (minor units of ${currency}) are left to refund; ${wanted} were asked for.`;
  return new ProblemError('refund_exceeds_payment', detail, { members: { refundableAmount: left } });
}
