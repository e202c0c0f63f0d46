import type { Run } from '@holdfast/engine';
import { Amount, PaymentOutput } from '@holdfast/flows';
import {
  iso,
  NextActionJson,
  presentFailure,
  presentNextAction,
  RunErrorJson,
  time,
} from '@holdfast/run-view';
import { z } from 'zod';

/** A payment as the API shows it. Members that do not apply are left out. */
export const PaymentJson = z.strictObject({
  id: z.string().meta({ description: "The payment's run." }),
  amount: Amount.meta({ description: 'Minor units.' }),
  currency: z.string(),
  customerId: z.string(),
  description: z.string(),
  status: z.enum(['pending', 'completed', 'failed', 'refunded', 'partially_refunded']).meta({
    description:
      'pending, with an `error`: it waits for a person, and may have been charged. failed: nothing is charged, or it was paid back ' +
      'when the payment was cancelled.',
  }),
  chargeId: z.string().optional().meta({ description: "The provider's id, once completed." }),
  refundedAmount: z.int().min(0).meta({
    description: 'Minor units. What refunds have paid back; those that have not ended do not count yet.',
  }),
  nextAction: NextActionJson.optional(),
  createdAt: time,
  completedAt: time.optional(),
  error: RunErrorJson.optional(),
});
export type PaymentJson = z.infer<typeof PaymentJson>;

/** Of an input of any version. */
const AcceptedPayment = z.object({
  amount: z.int(),
  currency: z.string(),
  customerId: z.string(),
  description: z.string().default(''),
});

/** @param run of the flow `payment`: all that is shown is in it, and in what refunds have taken from it */
export function presentPayment(run: Run): PaymentJson {
  const { amount, currency, customerId, description } = AcceptedPayment.parse(run.input);
  return {
    id: run.id,
    ...{ amount, currency, customerId, description },
    ...presentStanding(run),
    ...presentNextAction(run),
    refundedAmount: run.settled,
    createdAt: iso(run.createdAt),
  };
}

function presentStanding(run: Run): Pick<PaymentJson, 'status' | 'chargeId' | 'completedAt' | 'error'> {
  switch (run.status) {
    case 'pending':
    case 'running':
    case 'suspended':
    case 'compensating':
      return { status: 'pending' };
    case 'dead':
      return { status: 'pending', error: presentFailure(run.error) };
    case 'failed':
      return { status: 'failed', error: presentFailure(run.error) };
    case 'cancelled':
      return { status: 'failed', error: CANCELLED };
    case 'completed': {
      const { amount, chargeId } = PaymentOutput.parse(run.output);
      return { status: statusOf(amount, run.settled), chargeId, completedAt: iso(run.finishedAt) };
    }
  }
}

function statusOf(paid: number, refunded: number): PaymentJson['status'] {
  if (refunded === 0) return 'completed';
  return refunded < paid ? 'partially_refunded' : 'refunded';
}

const CANCELLED = {
  code: 'payment_cancelled',
  message: 'The payment was cancelled; if the card had been charged, that was paid back.',
};
