import type { Json, Run } from '@holdfast/engine';
import { paymentContract, refundContract } from '@holdfast/flows';
import type { EventsOfFlows } from '@holdfast/outgoing';
import { z } from 'zod';
import { presentPayment } from './payment-json.ts';

/** `payment.completed`, `payment.failed` and `payment.refunded`, with the payment as `GET /v1/payments/{id}` shows it. */
export const shopEvents: EventsOfFlows = {
  [paymentContract.name]: {
    on: { completed: 'payment.completed', failed: 'payment.failed', cancelled: 'payment.failed' },
    data: async (run) => dataOf(run),
  },
  [refundContract.name]: {
    on: { completed: 'payment.refunded' },
    /** A refund of an order is none of a payment. */
    data: async (run, find) => {
      const { paymentId } = z.object({ paymentId: z.string() }).parse(run.input);
      const payment = await find(paymentId);
      return payment?.flow === paymentContract.name ? dataOf(payment) : undefined;
    },
  },
};

function dataOf(payment: Run): Record<string, Json> {
  return { payment: presentPayment(payment) as Json };
}
