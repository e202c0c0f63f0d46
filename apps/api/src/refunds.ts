import type { Client, Json, Run, SubmitReply } from '@holdfast/engine';
import {
  Amount,
  amountFault,
  Item,
  orderContract,
  PaymentOutput,
  paymentContract,
  RefundInput,
  refundContract,
  totalOf,
} from '@holdfast/flows';
import { z } from 'zod';
import { ProblemError } from './problems.ts';
import type { Submission } from './submission-headers.ts';

/** What `POST /v1/payments/{id}/refunds` and `POST /v1/orders/{id}/refunds` take. */
export const RefundRequest = z.strictObject({
  amount: Amount.optional().meta({
    description: 'Minor units. Left out: all that is left when the refund is accepted.',
  }),
  reason: RefundInput.shape.reason.unwrap(),
});
export type RefundRequest = z.infer<typeof RefundRequest>;

/** What can be refunded. */
export interface Refundable {
  readonly flow: string;
  /** As its owner calls it. */
  readonly noun: 'payment' | 'order';
  readonly notFound: 'payment_not_found' | 'order_not_found';
  /** What was paid, of a completed run of any version. */
  readonly paid: (run: Run & { readonly status: 'completed'; readonly input: Json }) => Paid;
}

interface Paid {
  readonly chargeId: string;
  /** Minor units. */
  readonly amount: number;
  readonly currency: string;
}

export const PAYMENT: Refundable = {
  flow: paymentContract.name,
  noun: 'payment',
  notFound: 'payment_not_found',
  paid: ({ output }) => PaymentOutput.parse(output),
};

const PaidOrder = z.object({ items: z.array(Item), currency: z.string() });
const Charged = z.object({ chargeId: z.string() });

export const ORDER: Refundable = {
  flow: orderContract.name,
  noun: 'order',
  notFound: 'order_not_found',
  paid: ({ input, output }) => {
    const { items, currency } = PaidOrder.parse(input);
    return { ...Charged.parse(output), amount: Number(totalOf(items)), currency };
  },
};

export interface RefundOrder {
  readonly tenant: string;
  readonly source: Refundable;
  /** The run that was paid. */
  readonly paymentId: string;
  readonly idempotencyKey: string;
  /** Of the request as it was sent; the id of what was paid is in it. */
  readonly fingerprint: string;
  readonly request: RefundRequest;
  readonly submission: Submission | undefined;
}

/** @throws ProblemError `payment_not_found`: also for a run that is something else */
export async function findPayment(client: Client, tenant: string, id: string): Promise<Run> {
  return asSource(PAYMENT, await client.getRun(tenant, id));
}

/**
 * Creates the refund and takes its amount from what was paid, both or neither; or finds the refund that the key became before.
 * @throws ProblemError `payment_not_found`, `order_not_found`, `payment_not_refundable`, `refund_exceeds_payment`, or `validation_failed` for an
 * amount that its currency does not have; the key stays free
 */
export async function submitRefund(client: Client, order: RefundOrder): Promise<SubmitReply> {
  const { tenant, source, paymentId, idempotencyKey } = order;
  const [before, payment] = await Promise.all([
    client.findByKey(tenant, refundContract.name, idempotencyKey),
    client.getRun(tenant, paymentId),
  ]);
  return (
    (before && (await submitAgain(client, order, before))) ??
    submitNew(client, order, asSource(source, payment))
  );
}

/**
 * The key has its refund, whatever has become of what was paid since.
 * @returns undefined when that refund was forgotten a moment ago, so that the key is free
 */
async function submitAgain(
  client: Client,
  order: RefundOrder,
  before: Run,
): Promise<SubmitReply | undefined> {
  const input = RefundInput.parse((await client.withInput(before)).input);
  if (input.paymentId !== order.paymentId) return { outcome: 'key_reused', runId: before.id };
  const reply = await draw(client, order, input, input.amount);
  return 'run' in reply || reply.outcome === 'key_reused' ? reply : undefined;
}

async function submitNew(client: Client, order: RefundOrder, payment: Run): Promise<SubmitReply> {
  const { noun } = order.source;
  if (payment.status !== 'completed') throw notRefundable(noun, `is ${payment.status}`);
  const { id: paymentId } = payment;
  const { amount: paid, chargeId, currency } = order.source.paid(await client.withInput(payment));
  const { amount: wanted, reason } = order.request;
  checkUnits(wanted, currency);

  // also with nothing left: the same request may have taken it a moment ago, and is this one's answer
  let amount = wanted ?? Math.max(paid - payment.drawn, 1);
  for (;;) {
    const reply = await draw(client, order, { paymentId, chargeId, amount, reason }, paid);
    switch (reply.outcome) {
      case 'source_not_completed':
        throw notRefundable(noun, 'was started afresh, or forgotten after the retention time');
      case 'draw_exceeds':
        if (wanted !== undefined || reply.left === 0) throw exceeds(noun, reply.left, currency, wanted);
        // another refund came first and left some
        amount = reply.left;
        break;
      default:
        return reply;
    }
  }
}

function draw(client: Client, order: RefundOrder, input: RefundInput, limit: number) {
  const { tenant, idempotencyKey, fingerprint, submission } = order;
  return client.submitDrawing(
    { flow: refundContract.name, input, tenant, idempotencyKey, fingerprint, ...submission },
    { from: input.paymentId, amount: input.amount, limit },
  );
}

function asSource({ flow, noun, notFound }: Refundable, run: Run | undefined): Run {
  if (run?.flow === flow) return run;
  throw new ProblemError(notFound, `There is no ${noun} with this id.`);
}

/** What is left is for the draw to say; here, only whether there are such amounts. */
function checkUnits(amount: number | undefined, currency: string): void {
  if (amount === undefined) return;
  const message = amountFault(BigInt(amount), currency);
  if (message === undefined) return;
  throw new ProblemError('validation_failed', 'The refund request is not valid.', {
    members: { errors: [{ path: 'amount', message }] },
  });
}

function notRefundable(noun: string, why: string): ProblemError {
  return new ProblemError(
    'payment_not_refundable',
    `This ${noun} ${why}; only a completed ${noun} can be refunded.`,
  );
}

function exceeds(noun: string, left: number, currency: string, wanted: number | undefined): ProblemError {
  const detail =
    wanted === undefined
      ? `Nothing of this ${noun} is left to refund.`
      : `Of this ${noun} ${left} (minor units of ${currency}) are left to refund; ${wanted} were asked for.`;
  return new ProblemError('refund_exceeds_payment', detail, { members: { refundableAmount: left } });
}
